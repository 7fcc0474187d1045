//! Resuming: after any interruption a client misses and repeats nothing.

use std::time::Duration;

use http_api::admission::StreamLimits;
use serde_json::{Value, json};
use server::app::Config;
use sqlx::PgPool;
use tests::orders::{position, with};
use tests::{Events, Heard, RawSocket, Shop};

use crate::api::deliveries::ready;

const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";

/// Appends events like the appender: positions, head and notification in one transaction. They are stock counts
/// without a change.
pub async fn append(pool: &PgPool, events: i64) {
    sqlx::raw_sql(&format!(
        "WITH head AS (UPDATE event_log_head SET position = position + {events} RETURNING position - {events} AS at), \
         last AS (SELECT * FROM events WHERE aggregate_type = 'stock' AND aggregate_id = 'P1' \
                  ORDER BY sequence DESC LIMIT 1), \
         added AS (INSERT INTO events SELECT head.at + n, last.aggregate_type, last.aggregate_id, last.sequence + n, \
                   last.event_type, last.event_version, last.recorded_at, last.payload, last.metadata \
                   FROM head, last, generate_series(1, {events}) n RETURNING 1) \
         SELECT pg_notify('events', '') FROM added LIMIT 1"
    ))
    .execute(pool)
    .await
    .unwrap();
}

/// Appends many events in batches of varying sizes, concurrently.
fn appending(pool: &PgPool, events: i64) -> tokio::task::JoinHandle<()> {
    let pool = pool.clone();
    tokio::spawn(async move {
        let (mut left, mut batch) = (events, 1);
        while left > 0 {
            batch = (batch * 7 % 97).min(left);
            append(&pool, batch).await;
            left -= batch;
        }
    })
}

#[tokio::test]
async fn a_socket_cut_a_hundred_times_misses_and_repeats_nothing() {
    const ALL: i64 = 10_000;
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let begin = auditor.head().await;
    let end = begin + ALL;
    let appending = appending(&shop.database().pool, ALL);
    let (mut seen, mut cuts) = (begin, 0);
    while seen < end {
        let mut socket = RawSocket::initialised(&shop.server.base, auditor.token()).await;
        socket.subscribe("1", EVENTS, json!({ "after": seen.to_string() })).await;
        // Cuts the stream after few and after many items by turns.
        let until = if cuts < 100 { (begin + (cuts + 1) * ALL / 101).max(seen + 1) } else { end };
        while seen < until {
            let message = socket.message().await;
            let next = position(&message["payload"]["data"]["eventAppended"]["position"]);
            assert_eq!(next, seen + 1, "after {cuts} cuts: {message}");
            seen = next;
        }
        cuts += 1;
    }
    assert!(cuts > 100);
    tests::within(appending).await.unwrap();
}

#[tokio::test]
async fn a_cut_event_stream_misses_and_repeats_nothing() {
    const ALL: i64 = 2_000;
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let begin = auditor.head().await;
    let appending = appending(&shop.database().pool, ALL);
    let (mut seen, mut cuts) = (begin, 0);
    while seen < begin + ALL {
        let last = seen.to_string();
        // The first request stays the same, as in a browser; `Last-Event-ID` wins.
        let variables = json!({ "after": begin.to_string() });
        let mut events =
            Events::open(&shop.server.base, auditor.token(), Some(&last), EVENTS, variables).await;
        for _ in 0..100.min(begin + ALL - seen) {
            let event = events.event().await.unwrap();
            seen += 1;
            assert_eq!(
                event.data["data"]["eventAppended"]["position"],
                seen.to_string(),
                "after {cuts} cuts"
            );
            assert_eq!(event.id, Some(seen.to_string()));
        }
        cuts += 1;
    }
    assert!(cuts >= 20);
    tests::within(appending).await.unwrap();
}

/// Every subscription with a caller; `$id` is an order's or a delivery's.
const SUBSCRIPTIONS: [(&str, &str); 6] = [
    ("auditor", "subscription($id: ID!) { orderChanged(id: $id) { event } }"),
    ("pizzaiolo1.p1", "subscription { kitchenQueueChanged(pizzeriaId: \"P1\") { event } }"),
    ("pizzaiolo1.p1", "subscription { stockChanged(pizzeriaId: \"P1\") { event } }"),
    ("auditor", "subscription { eventAppended { event { type } } }"),
    ("courier1.p1", "subscription { readyDeliveries(pizzeriaId: \"P1\") { event delivery { id status } } }"),
    ("courier1.p1", "subscription($id: ID!) { deliveryChanged(id: $id) { event delivery { status } } }"),
];

/// A subscription's variables, with an id if it needs one.
fn id_for(query: &str, order: &Value, delivery: &Value) -> Value {
    match () {
        () if query.contains("deliveryChanged") => json!({ "id": delivery["id"] }),
        () if query.contains("orderChanged") => json!({ "id": order["id"] }),
        () => json!({}),
    }
}

#[tokio::test]
async fn every_subscription_resumes_by_the_position_of_an_item() {
    let shop = Shop::open().await;
    let base = &shop.server.base;
    let start = shop.person("auditor").head().await;
    let (order, delivery) = ready(&shop).await;
    let courier = shop.person("courier1.p1");
    for step in ["claimDelivery", "unassignDelivery", "claimDelivery"] {
        courier.carry(step, &delivery, json!({})).await;
    }
    let head = shop.person("auditor").head().await;
    for (account, query) in SUBSCRIPTIONS {
        let token = shop.person(account).token().map(str::to_owned);
        let id = id_for(query, &order, &delivery);
        let open = async |last: i64| {
            Events::open(base, token.as_deref(), Some(&last.to_string()), query, id.clone()).await
        };
        // Everything after it, in order.
        let mut events = open(start).await;
        let mut items = Vec::new();
        while items.last().is_none_or(|(at, _)| *at < head) {
            // Subscriptions of one stream may end before the log.
            let Ok(event) = tokio::time::timeout(Duration::from_secs(2), events.event()).await else { break };
            let event = event.unwrap();
            items.push((event.id.as_ref().unwrap().parse::<i64>().unwrap(), event.data));
        }
        assert!(
            !items.is_empty() && items.is_sorted_by(|(one, _), (next, _)| one < next),
            "{query}: {items:?}"
        );
        // After each item, the next one follows.
        for pair in items.windows(2) {
            let event = open(pair[0].0).await.event().await.unwrap();
            assert_eq!((event.id, event.data), (Some(pair[1].0.to_string()), pair[1].1.clone()), "{query}");
        }
    }
}

#[tokio::test]
async fn refuses_to_resume_over_a_gap_and_names_it() {
    let shop = Shop::open().await;
    let base = &shop.server.base;
    let head = shop.person("auditor").head().await;
    let (order, delivery) = ready(&shop).await;
    let far = (shop.person("auditor").head().await + 100).to_string();
    let now = shop.person("auditor").head().await.to_string();
    for (account, query) in SUBSCRIPTIONS {
        // The same with `after`.
        let query = match query.split_once('{') {
            Some((_, field)) if field.contains("$id") => {
                format!(
                    "subscription($id: ID!, $after: LogPosition) {{{}",
                    field.replacen("$id", "$id, after: $after", 1)
                )
            }
            Some((_, field)) if field.contains("(pizzeriaId") => {
                format!("subscription($after: LogPosition) {{{}", field.replacen('(', "(after: $after, ", 1))
            }
            Some((_, field)) => {
                let field = field.replacen("eventAppended", "eventAppended(after: $after)", 1);
                format!("subscription($after: LogPosition) {{{field}")
            }
            None => panic!("{query}"),
        };
        let variables = with(json!({ "after": far }), id_for(&query, &order, &delivery));
        let mut socket = RawSocket::initialised(base, shop.person(account).token()).await;
        socket.subscribe("1", &query, variables).await;
        let message = socket.message().await;
        assert_eq!(message["type"], "error", "{query}: {message}");
        let extensions = &message["payload"][0]["extensions"];
        assert_eq!(extensions["code"], "BAD_USER_INPUT");
        assert_eq!(extensions["gap"], json!({ "from": now, "to": far }), "{query}");
    }
    // The kitchen's past is kept only for a time.
    append(&shop.database().pool, 100_001).await;
    let kitchen = shop.person("pizzaiolo1.p1");
    let query = "subscription { kitchenQueueChanged(pizzeriaId: \"P1\") { event } }";
    let last = head.to_string();
    let mut events = Events::open(base, kitchen.token(), Some(&last), query, Value::Null).await;
    let refused = events.event().await.unwrap();
    let extensions = &refused.data["errors"][0]["extensions"];
    assert_eq!((&extensions["code"], &extensions["gap"]["from"]), (&json!("BAD_USER_INPUT"), &json!(last)));
    assert_eq!(events.event().await.unwrap().event.as_deref(), Some("complete"));
}

#[tokio::test]
async fn a_rewound_log_ends_streams_beyond_its_head() {
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let mut socket = RawSocket::initialised(&shop.server.base, auditor.token()).await;
    append(&shop.database().pool, 10).await;
    let head = auditor.head().await;
    socket.subscribe("1", EVENTS, json!({ "after": (head - 1).to_string() })).await;
    assert_eq!(socket.message().await["type"], "next");
    // Like a restore: the events and the head are removed.
    sqlx::raw_sql(
        "SET session_replication_role = replica; \
         DELETE FROM events WHERE position > (SELECT position - 5 FROM event_log_head); \
         UPDATE event_log_head SET position = position - 5; RESET session_replication_role",
    )
    .execute(&shop.database().pool)
    .await
    .unwrap();
    let message = socket.message().await;
    let extensions = &message["payload"]["errors"][0]["extensions"];
    let gap = json!({ "from": (head - 5).to_string(), "to": head.to_string() });
    assert_eq!((&extensions["code"], &extensions["gap"]), (&json!("BAD_USER_INPUT"), &gap), "{message}");
    assert_eq!(socket.message().await, json!({ "id": "1", "type": "complete" }));
}

#[tokio::test]
async fn idle_streams_receive_the_position_of_the_log() {
    let limits = StreamLimits {
        ping: Duration::from_millis(100),
        heartbeat: Duration::from_millis(100),
        ..StreamLimits::default()
    };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let token = shop.person("auditor").token().map(str::to_owned);
    let none = "subscription { eventAppended(filter: { command: \"nothing\" }) { position } }";
    let mut events = Events::open(&shop.server.base, token.as_deref(), None, none, Value::Null).await;
    let mut socket = RawSocket::initialised(&shop.server.base, token.as_deref()).await;
    socket.subscribe("1", none, Value::Null).await;
    append(&shop.database().pool, 50).await;
    let head = shop.person("auditor").head().await.to_string();
    loop {
        let block = events.block().await.unwrap();
        assert_eq!((block.event, block.data), (None, Value::Null), "nothing to see");
        if block.id.as_deref() == Some(&*head) {
            break;
        }
    }
    loop {
        let Heard::Message(message) = socket.heard().await else { panic!("closed") };
        assert_eq!(message["type"], "ping");
        if message["payload"]["position"].as_str() == Some(&*head) {
            break;
        }
    }
}
