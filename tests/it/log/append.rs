//! Appending: events are stored completely, in order, and never changed.

use std::sync::Arc;

use domain::access::Role;
use domain::order::{OrderError, OrderStatus};
use domain::usecase::{Refusal, StartPreparation};
use domain::{AggregateState, LogPosition, StreamId, StreamType};
use event_store::{CommandContext, EventStore, LogEntry, Settings, StoreError, log};
use tests::Database;

use crate::log::pizzas::*;

#[tokio::test]
async fn an_order_and_its_reservation_are_stored_together() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(2)).await;
    let order = order_id();

    let outcome = run(&store, margherita(order)).await;

    assert_eq!((outcome.refusal, outcome.version), (None, 1));
    let entries = log::read_after(&database.pool, LogPosition(3), 10).await.unwrap();
    let events: Vec<_> = entries.into_iter().map(|entry| entry.readable().unwrap()).collect();
    let told: Vec<_> = events.iter().map(|e| (e.position.0, e.stream.clone(), &*e.event_type)).collect();
    assert_eq!(
        told,
        [(4, StreamId::order(order), "OrderPlaced"), (5, StreamId::stock(&p1()), "IngredientsReserved"),]
    );
    assert_eq!(outcome.position, Some(LogPosition(5)));
    assert_eq!(events[0].metadata.command, "placeOrder");
    assert_eq!(events[0].metadata.command_id, events[1].metadata.command_id);
    assert_eq!(events[0].metadata.role, Role::Director);
    assert_whole(&database).await;
}

#[tokio::test]
async fn a_refused_placement_is_stored_and_reserves_nothing() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(0)).await;
    let outcome = run(&store, margherita(order_id())).await;
    assert!(matches!(outcome.refusal, Some(Refusal::Order(OrderError::InsufficientStock { .. }))));
    assert!(outcome.position.is_some());
}

#[tokio::test]
async fn an_excerpt_names_the_events_that_it_passes_over() {
    let database = Database::create().await;
    crate::read_models::evening::play(&crate::read_models::projections::store(&database)).await;
    let all = log::read_after(&database.pool, LogPosition(1), 20).await.unwrap();
    let passes = [StreamType::Order, StreamType::Menu];
    let excerpt = log::excerpt_after(&database.pool, &passes, LogPosition(1), 20).await.unwrap();
    let mark = |entry: &LogEntry| (entry.position(), entry.event_type().to_owned());
    let marks = |passed: bool| -> Vec<_> {
        let is_passed = |entry: &LogEntry| passes.contains(&entry.stream().unwrap().kind);
        all.iter().filter(|entry| is_passed(entry) == passed).map(mark).collect()
    };
    assert!(!marks(true).is_empty() && !marks(false).is_empty());
    assert_eq!(excerpt.passed, marks(true));
    assert_eq!(excerpt.entries.iter().map(mark).collect::<Vec<_>>(), marks(false));
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = || Arc::new(StartPreparation { by: None, order, now: now() });
    let expecting = |version| CommandContext { expected_version: Some(version), ..context() };

    let stale = store.execute(start(), expecting(0)).await.unwrap();
    assert_eq!(stale.refusal, Some(Refusal::StaleVersion { expected: 0, actual: 1 }));
    let right = store.execute(start(), expecting(1)).await.unwrap();
    assert_eq!((right.refusal, right.version), (None, 2));
    let AggregateState::Order(order) = &*right.state else { panic!("an order") };
    assert_eq!(order.status(), Some(OrderStatus::InPreparation));
}

#[tokio::test]
async fn loads_a_long_stream_from_its_snapshot() {
    let database = Database::create().await;
    let settings = Settings { snapshot_every: 10.try_into().unwrap(), ..Settings::default() };
    let store = EventStore::start(database.pool.clone(), settings);
    open(&store, stock_for(50)).await;
    race(std::slice::from_ref(&store), 40).await;
    let stock = StreamId::stock(&p1());
    tests::eventually("a snapshot", || async {
        sqlx::query_scalar::<_, i64>(
            "SELECT sequence FROM snapshots WHERE aggregate_type = 'stock' AND sequence >= 20",
        )
        .fetch_optional(&database.pool)
        .await
        .unwrap()
    })
    .await;

    let with = store.load(&stock).await.unwrap();
    sqlx::query("DELETE FROM snapshots").execute(&database.pool).await.unwrap();
    assert_eq!(store.load(&stock).await.unwrap(), with);
}

pub(crate) async fn assert_refuses_changes(pool: &sqlx::PgPool) {
    for statement in ["UPDATE events SET payload = '{}'", "DELETE FROM events", "TRUNCATE events"] {
        let refused = sqlx::query(statement).execute(pool).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.to_string()));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
}

#[tokio::test]
async fn the_log_refuses_every_statement_except_appends() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    assert_refuses_changes(&database.pool).await;
    // The triggers hold for the superuser too.
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition(3));
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let database = Database::create().await;
    let settings = Settings { queue: 4.try_into().unwrap(), ..Settings::default() };
    let store = EventStore::start(database.pool.clone(), settings);
    open(&store, stock_for(100)).await;
    // No append succeeds while the head is locked.
    let mut holder = database.pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM event_log_head FOR UPDATE").execute(&mut *holder).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.execute(Arc::new(margherita(order_id())), context()).await })
        })
        .collect();
    tests::eventually("a command is refused", || async {
        tasks.iter().any(tokio::task::JoinHandle::is_finished).then_some(())
    })
    .await;
    holder.rollback().await.unwrap();
    let (mut stored, mut turned_away) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(outcome) => {
                assert_eq!(outcome.refusal, None);
                stored += 1;
            }
            Err(StoreError::Overloaded) => turned_away += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert!(stored >= 4 && turned_away >= 1, "{stored} stored, {turned_away} turned away");
    assert_whole(&database).await;
}
