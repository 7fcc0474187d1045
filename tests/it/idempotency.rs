//! Idempotency keys: the same key with the same input answers the same, once.

use std::sync::Arc;

use domain::order::OrderCommand;
use domain::usecase::{Refusal, StartPreparation, ToOrder};
use event_store::{EventStore, Settings};
use tests::Database;

use crate::pizzas::*;

#[tokio::test]
async fn one_key_is_one_order_however_often_it_is_sent() {
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
async fn a_key_answers_as_the_first_time_after_the_state_moved_on() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = || Arc::new(StartPreparation { order, now: now() });
    let first = store.execute(start(), keyed("start", 1)).await.unwrap();
    let ready = OrderCommand::MarkReady { now: now() };
    run(&store, ToOrder { name: "markOrderReady", order, command: ready }).await;

    let again = store.execute(start(), keyed("start", 1)).await.unwrap();

    assert_eq!((again.version, again.position, again.refusal), (first.version, first.position, None));
    assert_eq!(again.state, first.state);
}
