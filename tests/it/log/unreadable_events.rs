//! Events of a newer release: they stop what depends on them, and nothing else.

use std::sync::Arc;
use std::time::Duration;

use domain::delivery::DeliveryStatus;
use domain::ids::OrderId;
use domain::order::{OnlinePayment, OrderCommand, OrderStatus};
use domain::usecase::{StartPreparation, ToOrder};
use domain::{AggregateState, LogPosition, StreamId, StreamType};
use event_store::{EventStore, Settings, StoreError};
use projections::{Failure, Model, Status};
use serde_json::{Value, json};
use sqlx::PgPool;
use tests::orders::{basket, position, side};
use tests::{DEADLINE, Database, Item, Shop, eventually, within};

use crate::log::pizzas::{context, margherita, now, order_id};
use crate::read_models::evening::{cook, delivered, done, leave_with, online, open_p1, play};
use crate::read_models::projections::assert_sound;
use crate::read_models::reactors::{delivery_is, settled};
use crate::read_models::takeover::start;

/// Appends the next event of a stream with a type that this release does not know; returns its position.
pub async fn append_unreadable(pool: &PgPool, kind: &str, id: &str) -> LogPosition {
    let metadata = "(SELECT metadata FROM events ORDER BY position DESC LIMIT 1)";
    append(pool, kind, id, "Teleported", metadata).await
}

async fn append(pool: &PgPool, kind: &str, id: &str, event_type: &str, metadata: &str) -> LogPosition {
    let payload = format!("json_build_object('type', '{event_type}', 'to', 'Mars')");
    append_payload(pool, (kind, id), event_type, &payload, metadata).await
}

async fn append_payload(
    pool: &PgPool,
    (kind, id): (&str, &str),
    event_type: &str,
    payload: &str,
    metadata: &str,
) -> LogPosition {
    let sql = format!(
        "WITH head AS (UPDATE event_log_head SET position = position + 1 RETURNING position) \
         INSERT INTO events SELECT head.position, $1, $2, \
         (SELECT count(*) + 1 FROM events WHERE aggregate_type = $1 AND aggregate_id = $2), \
         $3, '7.0.0', now(), {payload}, {metadata} FROM head RETURNING position"
    );
    let position = sqlx::query_scalar(&sql).bind(kind).bind(id).bind(event_type).fetch_one(pool).await;
    LogPosition(position.unwrap())
}

/// Waits until the consumers named in `stopped` stand before the event at `at` and the others at the head.
async fn stopped(pool: &PgPool, at: LogPosition, stopped: &[&str]) {
    let as_expected = |one: &Status| {
        let failed = one.failure.as_ref().map(|Failure { position, .. }| *position);
        if stopped.contains(&&*one.name) {
            one.position.0 == at.0 - 1 && failed == Some(at)
        } else {
            one.lag() == 0 && failed.is_none()
        }
    };
    let probe = || async {
        let status = projections::status(pool).await.unwrap();
        status.iter().all(as_expected).then_some(status)
    };
    for one in eventually("only the dependents have stopped", probe).await {
        assert_eq!(one.applied, one.position.0, "{one:?}");
    }
}

const OF_ORDERS: [&str; 6] = [
    "order_details",
    "order_board",
    "kitchen_queue",
    "daily_sales",
    "time_travel",
    "reactor:delivery_scheduling",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn dependents_of_an_unreadable_event_stop_before_it_and_others_continue() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let read_models = start(pool, &store).await;
    let (open, _) = play(&store).await;
    let late = order_id();
    done(&store, delivered(late)).await;
    cook(&store, late).await;
    delivery_is(pool, late, DeliveryStatus::Scheduled).await;
    settled(pool).await;
    let at = append_unreadable(pool, "order", &open.to_string()).await;
    // Orders continue, and so does what follows from their stock events.
    let order = order_id();
    let last = done(&store, margherita(order)).await.position.unwrap();
    within(read_models.wait_for(&[Model::StockLevels], last, DEADLINE)).await.unwrap();
    stopped(pool, at, &OF_ORDERS).await;
    let stopped_at = read_models.wait_for(&[Model::OrderBoard], last, Duration::ZERO).await;
    assert_eq!(stopped_at.unwrap_err().reached.0, at.0 - 1);
    // A delivery's steps still reach its order, which needs only the order's own stream.
    leave_with(&store, late).await;
    eventually("the order follows its delivery", || async {
        let (state, _) = store.load(&StreamId::order(late)).await.unwrap();
        let AggregateState::Order(order) = state else { return None };
        (order.status() == Some(OrderStatus::OutForDelivery)).then_some(())
    })
    .await;
    // Each event was counted once: by the stopped read models up to their position, by the others beyond it.
    assert_sound(pool).await;
    drop(read_models);
    let rebuilt = projections::rebuild(pool, Model::StockLevels, &mut |_| {}).await.unwrap();
    assert!(rebuilt > at);
    assert!(projections::rebuild(pool, Model::OrderBoard, &mut |_| {}).await.is_err());
    assert_sound(pool).await;
}

#[tokio::test]
async fn an_event_of_an_unknown_stream_stops_no_read_model() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let _read_models = start(pool, &store).await;
    play(&store).await;
    // Waits for the reactors, whose events would come between.
    settled(pool).await;
    let at = append_unreadable(pool, "loyalty", "card-1").await;
    let last = done(&store, margherita(order_id())).await.position.unwrap();
    assert_eq!(last.0, at.0 + 2);
    stopped(pool, LogPosition::START, &[]).await;
    assert_sound(pool).await;
}

#[tokio::test]
async fn an_unknown_actor_is_not_reported_as_a_database_failure() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let _read_models = start(pool, &store).await;
    play(&store).await;
    settled(pool).await;
    let metadata = "json_build_object('role', 'ROBOT')";
    let at = append(pool, "stock", "P1", "StockCounted", metadata).await;
    stopped(pool, at, &["stock_levels", "time_travel"]).await;
}

/// A newer program may write a known type with today's fields and another meaning.
#[tokio::test]
async fn a_newer_version_of_a_known_type_stops_its_dependents() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let _read_models = start(pool, &store).await;
    play(&store).await;
    settled(pool).await;
    let reserved = "(SELECT payload FROM events WHERE event_type = 'IngredientsReserved' LIMIT 1)";
    let metadata = "(SELECT metadata FROM events ORDER BY position DESC LIMIT 1)";
    let at = append_payload(pool, ("stock", "P1"), "IngredientsReserved", reserved, metadata).await;
    stopped(pool, at, &["stock_levels", "time_travel"]).await;
    let refused = store.load(&StreamId::new(StreamType::Stock, "P1")).await;
    assert!(matches!(refused, Err(StoreError::Unreadable { position, .. }) if position == at));
}

#[tokio::test]
async fn an_informative_event_of_a_newer_program_is_passed() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    let _read_models = start(pool, &store).await;
    play(&store).await;
    settled(pool).await;
    let order = order_id();
    done(&store, margherita(order)).await;
    let metadata = |class: &str| {
        format!(
            "(SELECT (metadata::jsonb || '{{\"class\": \"{class}\"}}')::json FROM events WHERE position = 1)"
        )
    };
    append(pool, "order", &order.to_string(), "MessageSent", &metadata("informative")).await;
    stopped(pool, LogPosition::START, &[]).await;
    let (_, version) = store.load(&StreamId::order(order)).await.unwrap();
    assert_eq!(version, 2, "it is counted");
    // Conflicting with what is in memory, the command is settled over the event.
    done(&store, StartPreparation { by: None, order, now: now() }).await;
    assert_sound(pool).await;
    let at = append(pool, "order", &order.to_string(), "MessageSent", &metadata("vital")).await;
    stopped(pool, at, &OF_ORDERS).await;
}

#[test]
fn read_models_declare_the_streams_that_they_read() {
    let readers = |kind| Model::ALL.iter().filter(|model| model.reads(kind)).count();
    assert_eq!((readers(StreamType::Order), readers(StreamType::Stock)), (5, 2));
    assert!(Model::ALL.iter().all(|model| StreamType::ALL.iter().any(|kind| model.reads(*kind))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn commands_fail_only_on_the_unreadable_stream() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open_p1(&store).await;
    let orders: Vec<OrderId> = (0..8).map(|_| order_id()).collect();
    for order in &orders {
        done(&store, online(*order)).await;
    }
    let at = append_unreadable(pool, "order", &orders[0].to_string()).await;
    // All at once on cached streams: they form one batch.
    let tell = |order: OrderId| {
        let outcome = OnlinePayment::Accepted { reference: "r".into() };
        let command = OrderCommand::PayOnline { outcome, now: now() };
        let use_case = Arc::new(ToOrder { name: "payOnline", order, command });
        let store = store.clone();
        tokio::spawn(async move { store.execute(use_case, context()).await })
    };
    let telling: Vec<_> = orders.iter().map(|order| tell(*order)).collect();
    for (n, told) in telling.into_iter().enumerate() {
        match told.await.unwrap() {
            Err(StoreError::Unreadable { position, .. }) => assert_eq!((n, position), (0, at)),
            told => assert_eq!((n > 0, told.unwrap().refusal), (true, None)),
        }
    }
    let start = StartPreparation { by: None, order: orders[0], now: now() };
    let refused = store.execute(Arc::new(start), context()).await;
    assert!(matches!(refused, Err(StoreError::Unreadable { .. })), "{refused:?}");
}

/// The event as shown by `events` and subscriptions.
const SHOWN: &str = "position type version sequence payload command stream { type id }";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn shows_unreadable_events_and_ends_only_their_subscriptions() {
    let shop = Shop::open().await;
    let (reception, auditor) = (shop.person("receptionist1.p1"), shop.person("auditor"));
    let broken = reception.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    let sound = reception.placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await;
    let changes = "subscription($id: ID!) { orderChanged(id: $id) { position order { status } } }";
    let mut of_broken = reception.subscribe(changes, json!({ "id": broken["id"] })).await;
    let mut of_sound = reception.subscribe(changes, json!({ "id": sound["id"] })).await;
    let appended = format!("subscription {{ eventAppended {{ position event {{ {SHOWN} }} }} }}");
    let mut log = auditor.subscribe(&appended, Value::Null).await;
    let stock = "subscription { stockChanged(pizzeriaId: \"P1\") { event position } }";
    let mut levels = shop.person("pizzaiolo1.p1").subscribe(stock, Value::Null).await;
    of_broken.value().await;
    of_sound.value().await;
    levels.value().await;
    // The log's subscription has no first item: it is ready once it shows new events.
    let seen = reception.placed(basket("P1", "TAKEAWAY", &[side("COLA", 1)])).await;
    let last = position(&seen["position"]);
    log.until(|item| position(&item["position"]) == last).await;
    levels.value().await;

    let id = broken["id"].as_str().unwrap().split_once(':').unwrap().1.to_owned();
    let at = append_unreadable(&shop.database().pool, "order", &id).await;
    let kitchen = shop.person("pizzaiolo1.p1");
    kitchen.step("startPreparation", &sound).await;

    let expected = json!({
        "position": at.0.to_string(), "type": "Teleported", "version": "7.0.0", "sequence": 2,
        "payload": { "type": "Teleported", "to": "Mars" }, "command": "placeOrder",
        "stream": { "type": "ORDER", "id": broken["id"] },
    });
    assert_eq!(log.value().await["event"], expected);
    assert_eq!(of_sound.value().await["order"]["status"], "IN_PREPARATION");
    assert_eq!(levels.value().await["event"], "ReservationConsumed");
    match of_broken.item().await {
        Item::Failed(errors) => {
            let errors = if errors.is_array() { errors } else { json!([errors]) };
            assert_eq!(errors[0]["extensions"]["code"], "UNAVAILABLE", "{errors}");
            let message = errors[0]["message"].as_str().unwrap();
            assert!(message.contains(&format!("position {at} ")), "{message}");
        }
        other => panic!("{other:?}"),
    }

    let document = format!("{{ events(last: 3) {{ nodes {{ {SHOWN} }} }} }}");
    let data = auditor.data(&document, Value::Null).await;
    assert_eq!(data["events"]["nodes"][0], expected);
    let manager = shop.person("manager.p2").data(&document, Value::Null).await;
    assert!(!manager.to_string().contains("Mars"), "of another pizzeria");
    let command = json!({ "input": { "orderId": broken["id"] } });
    let answer = kitchen.ask(&tests::Api::mutation("startPreparation", "order { id }"), command).await;
    assert_eq!(answer.code(), "UNAVAILABLE");

    let ready = eventually("the order's read models report their positions", || async {
        let ready = shop.anonymous().get("/readyz").await.unwrap();
        let models = ready.body["readModels"].as_array().unwrap().clone();
        let stopped: Vec<_> = models.iter().filter(|model| !model["stoppedAt"].is_null()).cloned().collect();
        (stopped.len() == OF_ORDERS.len()).then_some((ready.status, stopped))
    })
    .await;
    assert_eq!(ready.0, 503);
    for model in ready.1 {
        assert!(OF_ORDERS.contains(&model["name"].as_str().unwrap()));
        assert_eq!(model["stoppedAt"], at.0.to_string());
    }
}

#[tokio::test]
async fn shows_streams_of_an_unknown_kind() {
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let pool = &shop.database().pool;
    append_unreadable(pool, "loyalty", "card-1").await;
    let at = append(pool, "loyalty", "card-1", "Stamped", "'{}'").await;
    let document =
        "query($last: Int!) { events(last: $last) { nodes { position type stream { type id } } } }";
    let data = auditor.data(document, json!({ "last": 1 })).await;
    let stream = json!({ "type": "UNKNOWN", "id": "loyalty:card-1" });
    let expected = json!([{ "position": at.0.to_string(), "type": "Stamped", "stream": stream }]);
    assert_eq!(data["events"]["nodes"], expected);
    // An unknown actor is an error with its position, not a wrong answer.
    let answer = auditor.ask("{ events(last: 1) { nodes { command } } }", Value::Null).await;
    assert_eq!(answer.code(), "UNAVAILABLE");
    let unknown = "{ events(last: 1, filter: { streamTypes: [UNKNOWN] }) { nodes { type } } }";
    assert_eq!(auditor.ask(unknown, Value::Null).await.code(), "BAD_USER_INPUT");
}
