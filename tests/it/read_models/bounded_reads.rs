//! No list scans a table: each field of each filter uses an index or needs a bounded range. Heavy reads queue, and
//! abandoned ones are cancelled in the database.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use async_graphql::parser::types::{TypeKind, TypeSystemDefinition};
use chrono::{DateTime, TimeDelta, Utc};
use domain::delivery::DeliveryStatus;
use domain::order::{Fulfilment, OrderChannel, OrderStatus};
use domain::{LogPosition, StreamId, StreamType};
use event_store::log::{self, EventFilter, FindError, MAX_SCANNED_EVENTS};
use projections::contact_reads::ContactReadFilter;
use projections::deliveries::{self, DeliveryFilter, DeliverySort};
use projections::order_details::{self, OrderFilter, OrderSort};
use projections::page::{NoRange, PageArgs};
use projections::{HeavyError, HeavyReads, catch_up};
use serde_json::{Value, json};
use simulation::history::{self, Options};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Executor, PgPool};
use tests::{Database, Shop, eventually, within};
use uuid::Uuid;

/// How a filter's field is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// By an index that finds or orders the rows.
    Index,
    /// By a scan, which needs a bounded range.
    Range,
    /// By an index for some values, by a range for others.
    Either,
}
use Class::{Either, Index, Range};

/// Every field of every filter of a list. A new field is classified here and gets its row in the tests below.
const FIELDS: [(&str, &[(&str, Class)]); 4] = [
    (
        "EventFilter",
        &[
            ("streamTypes", Range),
            ("streamId", Index),
            ("types", Range),
            ("pizzeriaId", Either),
            ("actorId", Range),
            ("command", Range),
            ("correlationId", Range),
            ("from", Index),
            ("to", Index),
            ("afterPosition", Index),
            ("beforePosition", Index),
        ],
    ),
    (
        "OrderFilter",
        &[
            ("pizzeriaId", Index),
            ("status", Either),
            ("channel", Range),
            ("fulfilment", Range),
            ("customerId", Index),
            ("number", Index),
            ("placedFrom", Index),
            ("unpaidForMinutes", Index),
            ("placedTo", Index),
        ],
    ),
    (
        "DeliveryFilter",
        &[
            ("pizzeriaId", Index),
            ("status", Either),
            ("courierId", Index),
            ("orderId", Index),
            ("scheduledFrom", Index),
            ("scheduledTo", Index),
        ],
    ),
    (
        "ContactReadFilter",
        &[("readerId", Range), ("customerId", Index), ("orderId", Range), ("from", Index), ("to", Index)],
    ),
];

#[test]
fn classifies_every_field_of_every_filter() {
    let schema = async_graphql::parser::parse_schema(graphql::schema::sdl()).unwrap();
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for definition in schema.definitions {
        let TypeSystemDefinition::Type(ty) = definition else { continue };
        let TypeKind::InputObject(input) = ty.node.kind else { continue };
        let name = ty.node.name.node.to_string();
        if name.ends_with("Filter") {
            found.insert(name, input.fields.iter().map(|field| field.node.name.node.to_string()).collect());
        }
    }
    let known = FIELDS.map(|(name, fields)| {
        (name.to_owned(), fields.iter().map(|(field, _)| (*field).to_owned()).collect::<BTreeSet<_>>())
    });
    assert_eq!(found, BTreeMap::from(known), "say what serves a new field, and test it");
}

/// A pool of one connection, so that its reads can be counted.
async fn single(database: &Database) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(1).connect(&database.url).await.unwrap();
    // Small tables are cheap to scan: without this setting the planner would not use the indexes.
    pool.execute("SET enable_seqscan = off").await.unwrap();
    pool
}

/// Rows of a table that this connection has read in the open transaction.
async fn rows_read(pool: &PgPool, table: &str) -> i64 {
    let sql = "SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables \
               WHERE relname = $1";
    sqlx::query_scalar(sql).bind(table).fetch_one(pool).await.unwrap()
}

/// Rows of a table that a query reads.
async fn reads<T>(pool: &PgPool, table: &str, read: impl AsyncFnOnce() -> T) -> (T, i64) {
    pool.execute("BEGIN").await.unwrap();
    let before = rows_read(pool, table).await;
    let answer = read().await;
    let rows = rows_read(pool, table).await - before;
    pool.execute("COMMIT").await.unwrap();
    (answer, rows)
}

async fn generated(events: u64) -> Database {
    let database = Database::create().await;
    let now = "2026-11-01T00:00:00Z".parse().unwrap();
    history::generate(&database.pool, &Options::new(events, 5), now).await.unwrap();
    sqlx::query("VACUUM ANALYZE").execute(&database.pool).await.unwrap();
    database
}

/// One history for all lists, because generating it is slow.
#[tokio::test]
async fn every_list_uses_an_index_or_a_bounded_range() {
    let database = generated(12_000).await;
    let pool = single(&database).await;
    events_are_found_by_an_index_or_in_a_bounded_part_of_the_log(&pool).await;
    catch_up(&database.pool).await.unwrap();
    sqlx::query("VACUUM ANALYZE").execute(&database.pool).await.unwrap();
    orders_are_found_by_an_index_or_in_a_range_of_time(&pool).await;
    deliveries_are_found_by_an_index_or_in_a_range_of_time(&pool).await;
}

async fn events_are_found_by_an_index_or_in_a_bounded_part_of_the_log(pool: &PgPool) {
    let find = async |filter: &EventFilter, last: bool| {
        let mut db = pool.acquire().await.unwrap();
        log::find(&mut db, filter, 21, last).await
    };
    let head = log::head(pool).await.unwrap().0;
    assert!(head > MAX_SCANNED_EVENTS + 1_000);
    let none = EventFilter::default;
    let (at, stock): (DateTime<Utc>, StreamId) = (
        sqlx::query_scalar("SELECT recorded_at FROM events WHERE position = 8000")
            .fetch_one(pool)
            .await
            .unwrap(),
        StreamId::new(StreamType::Stock, "P1"),
    );
    let position = |position| Some(LogPosition(position));
    let of_stock = || EventFilter { stream: Some(stock.clone()), ..none() };
    // Some rows besides the page: a binary search, one row for each digit.
    for (name, filter) in [
        ("nothing", none()),
        ("afterPosition", EventFilter { after: position(8_000), ..none() }),
        ("beforePosition", EventFilter { before: position(8_000), ..none() }),
        ("from", EventFilter { from: Some(at), ..none() }),
        ("to", EventFilter { to: Some(at), ..none() }),
        ("streamId", of_stock()),
        ("streamId, from", EventFilter { from: Some(at), ..of_stock() }),
        ("streamId, beforePosition", EventFilter { before: position(8_000), ..of_stock() }),
        ("pizzeriaId", EventFilter { pizzeria: Some("P1".parse().unwrap()), ..none() }),
    ] {
        for last in [false, true] {
            let (found, rows) = reads(pool, "events", async || find(&filter, last).await).await;
            let found = found.unwrap();
            assert_eq!(found.len(), 21, "{name}");
            assert!(rows < 1_000, "{name}: {rows} rows");
            let positions: Vec<_> = found.iter().map(|entry| entry.position().0).collect();
            assert!(positions.is_sorted(), "{name}");
            if name.contains("beforePosition") {
                assert!(positions[20] < 8_000, "{name}");
            }
            if name == "from" && !last {
                let first: i64 =
                    sqlx::query_scalar("SELECT min(position) FROM events WHERE recorded_at >= $1")
                        .bind(at)
                        .fetch_one(pool)
                        .await
                        .unwrap();
                assert_eq!(positions[0], first);
            }
        }
    }
    let actor = Some(Uuid::from_u128(9));
    for (name, filter) in [
        ("streamTypes", EventFilter { kinds: vec![StreamType::Closing], ..none() }),
        ("types", EventFilter { types: vec!["Nothing".to_owned()], ..none() }),
        ("actorId", EventFilter { actor, ..none() }),
        ("command", EventFilter { command: Some("nothing".to_owned()), ..none() }),
        ("correlationId", EventFilter { correlation_ids: vec!["nothing".to_owned()], ..none() }),
    ] {
        let (refused, rows) = reads(pool, "events", async || find(&filter, true).await).await;
        assert!(matches!(refused, Err(FindError::Unbounded)), "{name}: {refused:?}");
        assert_eq!(rows, 0, "{name}");
        let wide = EventFilter { after: position(0), ..filter.clone() };
        let refused = find(&wide, true).await;
        assert!(
            matches!(refused, Err(FindError::TooWide { events }) if events == head),
            "{name}: {refused:?}"
        );
        let part =
            EventFilter { after: position(head - 3_000), before: position(head - 1_000), ..filter.clone() };
        let (found, rows) = reads(pool, "events", async || find(&part, false).await).await;
        assert_eq!(found.unwrap().len(), 0, "{name}");
        assert!(rows <= 2_100, "{name}: {rows} rows of a part of 2000");
        let with_stream = EventFilter { stream: Some(StreamId::new(StreamType::Pizzeria, "P1")), ..filter };
        assert!(find(&with_stream, false).await.is_ok(), "{name}: one short stream");
    }
    // A pizzeria without rows does not cause a scan of the log.
    let nowhere = EventFilter { pizzeria: Some("P9".parse().unwrap()), ..none() };
    let (refused, rows) = reads(pool, "events", async || find(&nowhere, true).await).await;
    assert!(matches!(refused, Err(FindError::TooWide { .. })), "{refused:?}");
    assert!(rows <= 2 * MAX_SCANNED_EVENTS + 100, "{rows} rows");
}

async fn orders_are_found_by_an_index_or_in_a_range_of_time(pool: &PgPool) {
    let (total, from): (i64, DateTime<Utc>) =
        sqlx::query_as("SELECT count(*), min(placed_at) FROM order_details").fetch_one(pool).await.unwrap();
    assert!(total > 500, "{total}");
    let args = PageArgs::new(Some(20), None, None, None).unwrap();
    let (customer, number): (Uuid, String) = sqlx::query_as(
        "SELECT customer, number FROM order_details WHERE customer IS NOT NULL ORDER BY id LIMIT 1",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let none = OrderFilter::default;
    let p1 = || vec!["P1".parse().unwrap()];
    let nowhere = || vec!["P9".parse().unwrap()];
    let sorts = [
        OrderSort::PlacedAtDesc,
        OrderSort::PlacedAtAsc,
        OrderSort::PromisedAtAsc,
        OrderSort::NumberAsc,
        OrderSort::NumberDesc,
    ];
    for sort in sorts {
        for (name, filter) in [
            ("nothing", none()),
            ("pizzeriaId", OrderFilter { pizzerias: p1(), ..none() }),
            ("a pizzeria without orders", OrderFilter { pizzerias: nowhere(), ..none() }),
            ("status", OrderFilter { statuses: vec![OrderStatus::Placed, OrderStatus::Ready], ..none() }),
            ("unpaidForMinutes", OrderFilter { unpaid_since: Some(from + TimeDelta::days(3)), ..none() }),
            ("customerId", OrderFilter { customer: Some(domain::ids::CustomerId(customer)), ..none() }),
            ("number", OrderFilter { number: Some(number.clone()), ..none() }),
        ] {
            assert_eq!(filter.check(sort), Ok(()), "{name}");
            let page = async || order_details::page(pool, &filter, sort, &args).await.unwrap();
            let (_, rows) = reads(pool, "order_details", page).await;
            assert!(rows < 200, "{name}, {sort:?}: {rows} rows of {total}");
        }
        let closed = [OrderStatus::Cancelled, OrderStatus::NotDelivered];
        for (name, filter) in [
            ("status", OrderFilter { statuses: vec![closed[0]], ..none() }),
            ("status", OrderFilter { statuses: vec![OrderStatus::Placed, closed[1]], ..none() }),
            ("channel", OrderFilter { channel: Some(OrderChannel::Phone), ..none() }),
            ("fulfilment", OrderFilter { fulfilment: Some(Fulfilment::OnSite), pizzerias: p1(), ..none() }),
        ] {
            assert_eq!(filter.check(sort), Err(NoRange), "{name}");
            let range = |days| OrderFilter {
                placed_from: Some(from),
                placed_to: Some(from + TimeDelta::days(days)),
                ..filter.clone()
            };
            assert_eq!(range(32).check(sort), Err(NoRange), "{name}");
            let filter = range(1);
            assert_eq!(filter.check(sort), Ok(()), "{name}");
            let page = async || order_details::page(pool, &filter, sort, &args).await.unwrap();
            let (_, rows) = reads(pool, "order_details", page).await;
            assert!(rows < total / 2, "{name}, {sort:?}: {rows} rows of {total} for one of five days");
        }
    }
}

async fn deliveries_are_found_by_an_index_or_in_a_range_of_time(pool: &PgPool) {
    let args = PageArgs::new(Some(20), None, None, None).unwrap();
    let p1 = || vec!["P1".parse().unwrap()];
    let nowhere = || vec!["P9".parse().unwrap()];
    let (total, from, order, courier): (i64, DateTime<Utc>, Uuid, Uuid) = sqlx::query_as(
        "SELECT count(*), min(scheduled_at), min(order_id::text)::uuid, min(courier::text)::uuid FROM deliveries",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    assert!(total > 150, "{total}");
    let none = DeliveryFilter::default;
    let courier = domain::ids::StaffId(courier);
    for sort in [DeliverySort::PromisedAtAsc, DeliverySort::ScheduledAtAsc, DeliverySort::ScheduledAtDesc] {
        for (name, filter) in [
            ("pizzeriaId", DeliveryFilter { pizzerias: p1(), ..none() }),
            ("a pizzeria without deliveries", DeliveryFilter { pizzerias: nowhere(), ..none() }),
            ("status", DeliveryFilter { statuses: vec![DeliveryStatus::Assigned], ..none() }),
            ("orderId", DeliveryFilter { order: Some(domain::ids::OrderId(order)), ..none() }),
            ("courierId", DeliveryFilter { courier: Some(courier), ..none() }),
            ("a courier's", DeliveryFilter { visible_to_courier: Some(courier), pizzerias: p1(), ..none() }),
        ] {
            assert_eq!(filter.check(sort), Ok(()), "{name}");
            let page = async || deliveries::page(pool, &filter, sort, &args).await.unwrap();
            let (_, rows) = reads(pool, "deliveries", page).await;
            assert!(rows < total / 2, "{name}, {sort:?}: {rows} rows of {total}");
        }
        let over = DeliveryFilter { statuses: vec![DeliveryStatus::Returned], ..none() };
        assert_eq!(over.check(sort), Err(NoRange));
        let to = Some(from + TimeDelta::days(1));
        let filter = DeliveryFilter { scheduled_from: Some(from), scheduled_to: to, ..over };
        assert_eq!(filter.check(sort), Ok(()));
        let page = async || deliveries::page(pool, &filter, sort, &args).await.unwrap();
        let (_, rows) = reads(pool, "deliveries", page).await;
        assert!(rows < total / 2, "{sort:?}: {rows} rows of {total} for one of five days");
    }
    assert_eq!(none().check(DeliverySort::ScheduledAtAsc), Err(NoRange), "of all pizzerias");
    assert_eq!(none().check(DeliverySort::PromisedAtAsc), Ok(()));

    let none = ContactReadFilter::default;
    let (reader, from) = (Some(Uuid::nil()), Some(from));
    assert_eq!(none().check(), Ok(()));
    assert_eq!(ContactReadFilter { reader, ..none() }.check(), Err(NoRange));
    assert_eq!(ContactReadFilter { order: reader, from, ..none() }.check(), Err(NoRange));
    let to = from.map(|from| from + TimeDelta::days(31));
    assert_eq!(ContactReadFilter { order: reader, from, to, ..none() }.check(), Ok(()));
    assert_eq!(ContactReadFilter { reader, customer: reader, ..none() }.check(), Ok(()));
}

#[tokio::test]
async fn a_filter_without_its_range_is_refused_with_a_hint() {
    let shop = Shop::open().await;
    let director = shop.person("director");
    for (query, says) in [
        ("{ events(first: 1, filter: { correlationId: \"x\" }) { nodes { id } } }", "filter.afterPosition"),
        ("{ orders(first: 1, filter: { status: [CANCELLED] }) { nodes { id } } }", "filter.placedFrom"),
        ("{ orders(first: 1, filter: { channel: PHONE }) { nodes { id } } }", "filter.placedFrom"),
        (
            "{ deliveries(first: 1, filter: { status: [DELIVERED] }) { nodes { id } } }",
            "filter.scheduledFrom",
        ),
        (
            "{ contactReads(first: 1, filter: { orderId: \"order:00000000-0000-0000-0000-000000000001\" }) { nodes { readAt } } }",
            "filter.from",
        ),
    ] {
        let answer = director.ask(query, Value::Null).await;
        assert_eq!(answer.code(), "BAD_USER_INPUT", "{query}");
        assert!(answer.body.to_string().contains(says), "{query}: {}", answer.body);
    }
    let bounded = "{ events(first: 1, filter: { correlationId: \"x\", afterPosition: \"0\", beforePosition: \"9\" }) { nodes { id } } }";
    assert_eq!(director.data(bounded, Value::Null).await["events"]["nodes"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_abandoned_heavy_read_is_cancelled_and_the_next_one_runs() {
    let database = Database::create().await;
    let pool = PgPoolOptions::new().max_connections(3).connect(&database.url).await.unwrap();
    let heavy = HeavyReads::over(&pool).with_permit_timeout(Duration::from_millis(10));
    let running = async || {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
                   AND query LIKE 'SELECT pg_sleep(3600)%'";
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&database.pool).await.unwrap()
    };
    let mut read = heavy.begin().await.unwrap();
    // Only the cancellation ends it.
    read.execute("SET LOCAL statement_timeout = 0").await.unwrap();
    let reading = tokio::spawn(async move { read.execute("SELECT pg_sleep(3600)").await.map(|_| ()) });
    eventually("it is under way", async || (running().await == 1).then_some(())).await;
    assert!(matches!(heavy.begin().await, Err(HeavyError::Busy)), "one of three connections, and no more");
    // Other callers have their own turn.
    pool.execute("SELECT 1").await.unwrap();
    reading.abort();
    eventually("it is cancelled", async || (running().await == 0).then_some(())).await;
    let next = eventually("the next read runs", async || heavy.begin().await.ok()).await;
    within(next.finish()).await.unwrap();
    assert!(heavy.begin().await.is_ok(), "a turn that is finished is over");
}
