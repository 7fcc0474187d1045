//! Several processes on one database: one runs each read model, the others take over when it ends.

use std::time::Duration;

use domain::LogPosition;
use event_store::{EventStore, Follower, Settings, log};
use projections::{Model, ReadModels, RunsAt};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tests::{DEADLINE, Database, eventually, within};

use crate::log::pizzas::{margherita, now, order_id};
use crate::read_models::evening::{done, play};
use crate::read_models::projections::assert_sound;
use crate::read_models::reactors::settled;

pub async fn start(pool: &PgPool, store: &EventStore) -> ReadModels {
    let follower = Follower::start(pool.clone(), &[]).await.unwrap();
    ReadModels::start(pool.clone(), &follower, store.clone(), now).await.unwrap()
}

/// A second process from the database's view: a pool, a store and a follower.
async fn process(database: &Database) -> (PgPool, EventStore, ReadModels) {
    let pool = PgPoolOptions::new().max_connections(10).connect(&database.url).await.unwrap();
    let store = EventStore::start(pool.clone(), Settings::default());
    let read_models = start(&pool, &store).await;
    (pool, store, read_models)
}

async fn runs_all(read_models: &ReadModels) -> Option<()> {
    let status = read_models.status().await.unwrap();
    status.iter().all(|status| status.runs_at == RunsAt::Here).then_some(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_standby_takes_over_and_applies_each_event_once() {
    let database = Database::create().await;
    let (_, store, first) = process(&database).await;
    eventually("the first runs everything", || runs_all(&first)).await;
    let (pool, other_store, second) = process(&database).await;
    let standing_by = second.status().await.unwrap();
    assert!(standing_by.iter().all(|status| status.runs_at == RunsAt::Elsewhere));
    play(&store).await;
    // Progress of another process is noticed too.
    let head = log::head(&pool).await.unwrap();
    within(second.wait_for(Model::ALL, head, DEADLINE)).await.unwrap();

    drop(first);
    eventually("the second takes over", || runs_all(&second)).await;
    let last = done(&other_store, margherita(order_id())).await.position.unwrap();
    within(second.wait_for(Model::ALL, last, DEADLINE)).await.unwrap();
    assert_sound(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn runners_continue_after_losing_the_connection_of_their_lock() {
    let database = Database::create().await;
    let (pool, store, read_models) = process(&database).await;
    eventually("it runs everything", || runs_all(&read_models)).await;
    let killed: Vec<bool> = sqlx::query_scalar(
        "SELECT pg_terminate_backend(pid) FROM (SELECT DISTINCT pid FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())) AS holders",
    )
    .fetch_all(&pool)
    .await
    .unwrap();
    assert_eq!(killed, [true], "one connection holds every lock");
    play(&store).await;
    let head = log::head(&pool).await.unwrap();
    within(read_models.wait_for(Model::ALL, head, DEADLINE)).await.unwrap();
    let held = || async {
        let status = projections::status(&pool).await.unwrap();
        status.iter().all(|one| one.runs_at == RunsAt::Elsewhere).then_some(())
    };
    eventually("another connection holds the locks", held).await;
    assert_sound(&pool).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn waits_again_for_a_read_model_that_restarted_elsewhere() {
    let database = Database::create().await;
    let (pool, store, first) = process(&database).await;
    eventually("the first runs everything", || runs_all(&first)).await;
    let (_, _, second) = process(&database).await;
    play(&store).await;
    let head = settled(&pool).await;
    for read_models in [&first, &second] {
        within(read_models.wait_for(Model::ALL, head, DEADLINE)).await.unwrap();
    }
    sqlx::raw_sql(
        "BEGIN; DELETE FROM menus; UPDATE checkpoints SET position = 0, events_applied = 0, \
         digest = decode(repeat('00', 32), 'hex') WHERE name = 'menus'; COMMIT",
    )
    .execute(&pool)
    .await
    .unwrap();
    let lowered = || async { second.wait_for(&[Model::Menus], head, Duration::ZERO).await.err() };
    assert_eq!(eventually("the standby notices it", lowered).await.reached, LogPosition::START);
    let last = done(&store, margherita(order_id())).await.position.unwrap();
    within(second.wait_for(Model::ALL, last, DEADLINE)).await.unwrap();
    assert_sound(&pool).await;
}

#[tokio::test]
async fn waiting_for_a_future_position_ends_with_an_error() {
    let database = Database::create().await;
    let (pool, _, read_models) = process(&database).await;
    let head = log::head(&pool).await.unwrap();
    let wanted = LogPosition(head.0 + 1);
    let waited = read_models.wait_for(&[Model::Menus], wanted, Duration::from_millis(50)).await.unwrap_err();
    assert_eq!((waited.model, waited.reached, waited.wanted), (Model::Menus, head, wanted));
    assert_eq!(read_models.wait_for(&[Model::Menus], head, Duration::ZERO).await, Ok(()));
}
