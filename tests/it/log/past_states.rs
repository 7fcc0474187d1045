//! Past states, folded from the log and from snapshots.

use domain::LogPosition;
use domain::stock::Stock;
use domain::{Event, StreamId};
use event_store::log;
use projections::as_of::{Past, PastError};
use projections::order_details::{OrderFilter, OrderSort};
use projections::page::PageArgs;
use projections::{HeavyReads, Model, as_of, catch_up};
use tests::Database;

use crate::log::pizzas::{now, open, p1, race, stock_for};
use crate::read_models::evening::play;
use crate::read_models::projections::{assert_sound, store};

/// P1's stock after each event of its stream, by position.
async fn stocks(database: &Database) -> Vec<(i64, Stock)> {
    let events = log::read_stream(&database.pool, &StreamId::stock(&p1()), 0, i64::MAX).await.unwrap();
    let mut stock = Stock::default();
    let states = events.iter().map(|event| {
        let [Event::Stock(changed)] = &event.events[..] else { panic!("not one of a stock") };
        stock.evolve(changed);
        (event.position.0, stock.clone().levels_only())
    });
    states.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finds_a_stock_at_each_position_around_its_snapshots() {
    let database = Database::create().await;
    let pool = &database.pool;
    let stores = [store(&database)];
    open(&stores[0], stock_for(1_000)).await;
    for _ in 0..7 {
        race(&stores, 60).await;
    }
    let expected = stocks(&database).await;
    assert!(expected.len() > 405, "{} events", expected.len());
    let at = async |position: i64| as_of::stock(pool, &p1(), LogPosition(position)).await.unwrap();
    let around = |version: usize| version - 2..version + 3;
    let versions: Vec<usize> = (1..4).chain(around(200)).chain(around(400)).collect();
    // Without snapshots, then with them.
    for kept in [0, 2] {
        assert_eq!(at(expected[0].0 - 1).await, None);
        for version in &versions {
            let (position, stock) = &expected[version - 1];
            let next = expected[*version].0;
            for asked in [*position, next - 1] {
                let found = at(asked).await.unwrap();
                assert_eq!((found.position, found.version), (*position, i64::try_from(*version).unwrap()));
                assert_eq!(found.state, *stock, "at {asked}");
            }
        }
        let rows: i64 =
            sqlx::query_scalar("SELECT count(*) FROM stock_history").fetch_one(pool).await.unwrap();
        assert_eq!(rows, kept);
        catch_up(pool).await.unwrap();
    }
    assert_sound(pool).await;
    projections::rebuild(pool, Model::TimeTravel, &mut |_| {}).await.unwrap();
    assert_sound(pool).await;
}

#[tokio::test]
async fn an_instant_stands_for_the_last_event_recorded_by_then() {
    let database = Database::create().await;
    let pool = &database.pool;
    let stores = [store(&database)];
    open(&stores[0], stock_for(50)).await;
    race(&stores, 20).await;
    let head = log::head(pool).await.unwrap().0;
    for position in 1..=head {
        let recorded = as_of::recorded_at(pool, LogPosition(position)).await.unwrap().unwrap();
        let found = as_of::position_at(pool, recorded).await.unwrap();
        // The last of the events recorded at the same instant.
        let last: i64 = sqlx::query_scalar("SELECT max(position) FROM events WHERE recorded_at <= $1")
            .bind(recorded)
            .fetch_one(pool)
            .await
            .unwrap();
        assert_eq!(found.0, last);
        let before = as_of::position_at(pool, recorded - chrono::TimeDelta::microseconds(1)).await.unwrap();
        assert!(before.0 < position);
    }
    assert_eq!(as_of::recorded_at(pool, LogPosition(head + 1)).await.unwrap(), None);
    let long_ago = "2000-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(as_of::position_at(pool, long_ago).await.unwrap(), LogPosition::START);
    let long_after = "2100-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(as_of::position_at(pool, long_after).await.unwrap().0, head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn replays_at_most_the_allowed_events_and_leaves_no_rows() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = store(&database);
    play(&store).await;
    catch_up(pool).await.unwrap();
    let before = whole(pool).await;
    let head = log::head(pool).await.unwrap().0;
    let all = PageArgs::new(Some(100), None, None, None).unwrap();
    let past = Past::among(HeavyReads::over(pool));
    let (day, filter) = (now().date_naive(), OrderFilter::default());
    for position in (0..=head).map(LogPosition) {
        // At position N, as many orders exist as were placed before.
        let placed: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM events WHERE event_type = 'OrderPlaced' AND position <= $1",
        )
        .bind(position.0)
        .fetch_one(pool)
        .await
        .unwrap();
        let page = past.orders(&filter, OrderSort::default(), &all, position).await.unwrap();
        assert_eq!(i64::try_from(page.items.len()).unwrap(), placed, "at {position}");
        past.sales(&p1(), day, day, position).await.unwrap();
    }
    let middle = LogPosition(head / 2);
    let strict = past.clone().at_most(5);
    let refused = strict.orders(&filter, OrderSort::default(), &all, middle).await.unwrap_err();
    assert!(matches!(refused, PastError::TooMany { at_most: 5 }), "{refused:?}");
    let refused = strict.sales(&p1(), day, day, middle).await.unwrap_err();
    assert!(matches!(refused, PastError::TooMany { at_most: 5 }), "{refused:?}");
    // Nothing has changed, so nothing is replayed.
    strict.orders(&filter, OrderSort::default(), &all, LogPosition(head)).await.unwrap();
    assert_eq!(whole(pool).await, before);
    // The temporary tables are created once per connection and empty between answers.
    let tables: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_class WHERE relname = 'order_details' AND relpersistence = 't'",
    )
    .fetch_one(pool)
    .await
    .unwrap();
    let connections = i64::from(pool.options().get_max_connections());
    assert!((1..=connections).contains(&tables), "{tables} sets of tables");
}

/// Every row of the lists as text.
async fn whole(pool: &sqlx::PgPool) -> Vec<String> {
    let mut rows = Vec::new();
    for table in ["order_details", "daily_sales", "daily_sales_orders", "kitchen_queue", "deliveries"] {
        let sql = format!("SELECT t::text FROM public.{table} AS t ORDER BY 1");
        let found: Vec<String> = sqlx::query_scalar(&sql).fetch_all(pool).await.unwrap();
        rows.extend(found);
    }
    rows
}
