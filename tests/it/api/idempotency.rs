//! Idempotency keys: repeating a command under its key repeats the answer and stores nothing.

use std::sync::Arc;

use chrono::TimeDelta;
use domain::order::{OrderCommand, OrderError, OrderStatus};
use domain::usecase::{Refusal, StartPreparation, ToOrder};
use domain::{AggregateState, LogPosition, StreamType};
use event_store::{CommandContext, EventStore, Settings};
use identity::expired_keys::ExpiredKeys;
use tests::Database;

use crate::log::pizzas::*;

#[tokio::test]
async fn one_key_places_one_order_however_often_it_is_sent() {
    let database = Database::create().await;
    let stores: Vec<_> =
        (0..2).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
    open(&stores[0], stock_for(10)).await;

    let sending: Vec<_> = (0..64)
        .map(|i| {
            let store = stores[i % 2].clone();
            tokio::spawn(async move {
                store.execute(Arc::new(margherita(order_id())), keyed("same", 1)).await.unwrap()
            })
        })
        .collect();
    let mut answers = std::collections::HashSet::new();
    for task in sending {
        let outcome = task.await.unwrap();
        assert_eq!(outcome.refusal, None);
        answers.insert((outcome.stream, outcome.version, outcome.position));
    }
    assert_eq!(answers.len(), 1);
    let placed: i64 = sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type = 'OrderPlaced'")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(placed, 1);

    let reused = stores[0].execute(Arc::new(margherita(order_id())), keyed("same", 2)).await.unwrap();
    assert_eq!((reused.refusal, reused.position), (Some(Refusal::IdempotencyKeyReused), None));
}

#[tokio::test]
async fn a_key_repeats_its_first_answer_after_later_changes() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = || Arc::new(StartPreparation { by: None, order, now: now() });
    let first = store.execute(start(), keyed("start", 1)).await.unwrap();
    let ready = OrderCommand::MarkReady { now: now() };
    run(&store, ToOrder { name: "markOrderReady", order, command: ready }).await;

    let again = store.execute(start(), keyed("start", 1)).await.unwrap();

    assert_eq!((again.version, again.position, again.refusal), (first.version, first.position, None));
    assert_eq!(again.state, first.state);
}

#[tokio::test]
async fn concurrent_commands_under_one_key_get_one_answer() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;

    let sending = (0..32).map(|_| {
        store.execute(Arc::new(StartPreparation { by: None, order, now: now() }), keyed("start", 1))
    });
    let answers = futures_util::future::join_all(sending).await;

    for answer in answers {
        let answer = answer.unwrap();
        assert_eq!((answer.refusal, answer.version, answer.position), (None, 2, Some(LogPosition(7))));
    }
}

#[tokio::test]
async fn a_key_repeats_its_refusal_even_if_the_command_is_now_allowed() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let ready = |key, input| {
        let command = OrderCommand::MarkReady { now: now() };
        store.execute(Arc::new(ToOrder { name: "markOrderReady", order, command }), keyed(key, input))
    };
    let refused = ready("ready", 1).await.unwrap();
    let wrong_state = Refusal::Order(OrderError::WrongState { status: OrderStatus::Placed });
    assert_eq!((refused.refusal, refused.position), (Some(wrong_state.clone()), None));
    run(&store, StartPreparation { by: None, order, now: now() }).await;

    let again = ready("ready", 1).await.unwrap();
    assert_eq!((again.refusal, again.version, again.state), (Some(wrong_state), 1, refused.state));
    let reused = ready("ready", 2).await.unwrap();
    assert_eq!((reused.refusal, reused.version), (Some(Refusal::IdempotencyKeyReused), 2));
    assert_eq!(ready("another", 1).await.unwrap().refusal, None);
}

#[tokio::test]
async fn refuses_a_key_that_was_used_for_another_command() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(5)).await;
    store.execute(Arc::new(margherita(order_id())), keyed("order", 1)).await.unwrap();

    let reused = store.execute(Arc::new(margherita(order_id())), keyed("order", 2)).await.unwrap();

    assert_eq!(reused.refusal, Some(Refusal::IdempotencyKeyReused));
    assert_eq!((&*reused.state, reused.version), (&AggregateState::empty(StreamType::Order), 0));
}

#[tokio::test]
async fn a_stale_version_can_be_retried_under_the_same_key() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(5)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = |version| {
        let context = CommandContext { expected_version: Some(version), ..keyed("start", 1) };
        store.execute(Arc::new(StartPreparation { by: None, order, now: now() }), context)
    };
    assert!(matches!(start(7).await.unwrap().refusal, Some(Refusal::StaleVersion { .. })));
    assert_eq!(start(1).await.unwrap().refusal, None);
}

#[tokio::test]
async fn a_key_repeats_its_answer_with_an_outdated_version() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = || Arc::new(StartPreparation { by: None, order, now: now() });
    let seen = |input| CommandContext { expected_version: Some(1), ..keyed("start", input) };
    let first = store.execute(start(), seen(1)).await.unwrap();
    assert_eq!((first.refusal, first.version), (None, 2));
    let again = store.execute(start(), seen(1)).await.unwrap();
    assert_eq!((again.refusal, again.version, again.position), (None, 2, first.position));
    let reused = store.execute(start(), seen(2)).await.unwrap();
    assert_eq!(reused.refusal, Some(Refusal::IdempotencyKeyReused));
}

#[tokio::test]
async fn deletes_expired_keys_except_those_of_reactors_and_open_payments() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open(&store, stock_for(10)).await;
    let place = async |key: &str| {
        store.execute(Arc::new(margherita(order_id())), keyed(key, 1)).await.unwrap().stream
    };
    let (young, old) = (place("young").await, place("old").await);
    let aged = "UPDATE idempotency_keys SET recorded_at = recorded_at - interval '73 hours' WHERE key = $1";
    sqlx::query(aged).bind("old").execute(pool).await.unwrap();
    // A reactor's key and the key of a payment in progress, both one year old.
    sqlx::raw_sql(
        "INSERT INTO idempotency_keys SELECT '00000000-0000-0000-0000-000000000000', 'policy:1:0', fingerprint, \
             aggregate_type, aggregate_id, sequence, position, refusal, recorded_at - interval '1 year' \
             FROM idempotency_keys WHERE key = 'old'; \
         INSERT INTO idempotency_keys SELECT actor_id, 'paying', fingerprint, aggregate_type, aggregate_id, sequence, \
             position, refusal, recorded_at - interval '1 year' FROM idempotency_keys WHERE key = 'old'; \
         INSERT INTO payment_intents (id, order_id, order_version, amount, actor_id, actor_role, command_id, \
             correlation_id, idempotency_key, fingerprint, due_at) \
             SELECT gen_random_uuid(), gen_random_uuid(), 1, 100, actor_id, 'CUSTOMER', gen_random_uuid(), 'x', key, \
             fingerprint, now() FROM idempotency_keys WHERE key = 'paying'",
    )
    .execute(pool)
    .await
    .unwrap();

    let removed = ExpiredKeys::default().remove(pool, TimeDelta::hours(72)).await.unwrap();

    assert_eq!(removed, 1);
    let left: Vec<String> =
        sqlx::query_scalar("SELECT key FROM idempotency_keys ORDER BY key").fetch_all(pool).await.unwrap();
    assert_eq!(left, ["paying", "policy:1:0", "young"]);
    assert_eq!(place("young").await, young, "the same answer");
    assert_ne!(place("old").await, old, "a new command");
    sqlx::query("UPDATE payment_intents SET ending = 'CAPTURED'").execute(pool).await.unwrap();
    assert_eq!(ExpiredKeys::default().remove(pool, TimeDelta::hours(72)).await.unwrap(), 1);
}

#[tokio::test]
async fn deletes_expired_keys_in_batches() {
    let database = Database::create().await;
    let pool = &database.pool;
    let many = "INSERT INTO idempotency_keys SELECT md5((n % 97)::text)::uuid, n::text, '', 'order', 'x', 1, n, NULL, \
                now() - n % 2 * interval '100 hours' FROM generate_series(1, 30000) AS n";
    sqlx::query(many).execute(pool).await.unwrap();
    let mut keys = ExpiredKeys::default();
    let first = keys.remove(pool, TimeDelta::hours(72)).await.unwrap();
    assert!(0 < first && first < 15_000, "{first} at once");
    let second = keys.remove(pool, TimeDelta::hours(72)).await.unwrap();
    assert_eq!(first + second, 15_000, "the rest at the next visit");
    assert_eq!(keys.remove(pool, TimeDelta::hours(72)).await.unwrap(), 0, "and again from the beginning");
}
