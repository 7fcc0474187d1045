//! Where policies start, and what becomes of their commands.

use std::sync::Arc;

use domain::order::OrderEvent;
use domain::pizzeria::PizzeriaCommand;
use domain::policies::{Policy, Start};
use domain::usecase::{ExpireOrder, StartPreparation, ToPizzeria, UseCase};
use domain::{Event, StreamId, StreamType};
use event_store::{EventStore, Settings};
use projections::dead_letters::{self, RetryResult};
use projections::{introduce, react_once};
use sqlx::PgPool;
use tests::Database;

use crate::log::pizzas::{context, margherita, now, order_id, p1};
use crate::read_models::evening::{done, later, online, open_p1};

/// Starts the preparation of every order that is placed.
fn start_at_once(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    match event {
        Event::Order(OrderEvent::OrderPlaced { .. }) => {
            let order = stream.id.parse().unwrap();
            vec![Arc::new(StartPreparation { by: None, order, now: now() })]
        }
        _ => Vec::new(),
    }
}

fn policy(starts: Start) -> Policy {
    Policy { name: "start_at_once", follows: StreamType::Order, starts, follow: start_at_once }
}

async fn started(pool: &PgPool) -> i64 {
    let sql = "SELECT count(*) FROM events WHERE event_type = 'PreparationStarted'";
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

/// A shop with three orders that are older than the policy.
async fn with_history() -> (Database, EventStore) {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open_p1(&store).await;
    for _ in 0..3 {
        done(&store, margherita(order_id())).await;
    }
    (database, store)
}

#[tokio::test]
async fn a_policy_that_starts_when_introduced_sends_nothing_for_history() {
    let (database, store) = with_history().await;
    let (pool, policy) = (&database.pool, policy(Start::WhenIntroduced));
    let mut db = pool.acquire().await.unwrap();
    assert_eq!(introduce(&mut db, &[policy]).await.unwrap(), ["start_at_once"]);
    // Before its first process starts.
    done(&store, margherita(order_id())).await;
    assert!(introduce(&mut db, &[policy]).await.unwrap().is_empty(), "its start stays");
    react_once(pool, &store, policy).await.unwrap();
    assert_eq!(started(pool).await, 1, "the order after its introduction");

    // Without its row, history has grown.
    sqlx::query("DELETE FROM checkpoints").execute(pool).await.unwrap();
    react_once(pool, &store, policy).await.unwrap();
    assert_eq!(started(pool).await, 1);
}

#[tokio::test]
async fn a_policy_may_start_at_the_beginning() {
    let (database, store) = with_history().await;
    react_once(&database.pool, &store, policy(Start::Beginning)).await.unwrap();
    assert_eq!(started(&database.pool).await, 3);
}

fn pause(reason: &str) -> Arc<dyn UseCase> {
    let command = PizzeriaCommand::Pause { reason: reason.into(), until: None, now: now() };
    Arc::new(ToPizzeria { name: "pausePizzeria", pizzeria: p1(), command })
}

fn resume() -> Arc<dyn UseCase> {
    let command = PizzeriaCommand::Resume { now: now() };
    Arc::new(ToPizzeria { name: "resumePizzeria", pizzeria: p1(), command })
}

/// The policy as later releases have it: other commands before the first one, or another input.
fn pause_and_start(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    let start = start_at_once(stream, event);
    if start.is_empty() { start } else { [vec![pause("oven")], start].concat() }
}

fn pause_for_longer(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    if start_at_once(stream, event).is_empty() { Vec::new() } else { vec![pause("staff")] }
}

fn resume_at_once(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    if start_at_once(stream, event).is_empty() { Vec::new() } else { vec![resume()] }
}

async fn from_the_start(pool: &PgPool) {
    let reset =
        "UPDATE checkpoints SET position = 0, events_applied = 0 WHERE name = 'reactor:start_at_once'";
    sqlx::query(reset).execute(pool).await.unwrap();
}

async fn stored(pool: &PgPool, event_type: &str) -> i64 {
    let sql = "SELECT count(*) FROM events WHERE event_type = $1";
    sqlx::query_scalar(sql).bind(event_type).fetch_one(pool).await.unwrap()
}

#[tokio::test]
async fn a_policy_that_sends_one_more_command_loses_none() {
    let database = Database::create().await;
    let (pool, store) = (&database.pool, EventStore::start(database.pool.clone(), Settings::default()));
    open_p1(&store).await;
    done(&store, margherita(order_id())).await;
    let first = policy(Start::Beginning);
    react_once(pool, &store, first).await.unwrap();
    from_the_start(pool).await;
    react_once(pool, &store, Policy { follow: pause_and_start, ..first }).await.unwrap();
    assert_eq!((started(pool).await, stored(pool, "PizzeriaPaused").await), (1, 1));
    assert_eq!(dead_letters::list(pool).await.unwrap().len(), 0);

    // Another input under the key of a stored command: not executed, and not lost in silence.
    from_the_start(pool).await;
    react_once(pool, &store, Policy { follow: pause_for_longer, ..first }).await.unwrap();
    assert_eq!(stored(pool, "PizzeriaPaused").await, 1);
    let [letter] = &dead_letters::list(pool).await.unwrap()[..] else { panic!("one") };
    assert_eq!((&*letter.command, &*letter.reason), ("pausePizzeria", "IDEMPOTENCY_KEY_REUSED"));
}

#[tokio::test]
async fn a_refused_command_of_a_policy_is_a_dead_letter_until_it_gets_through() {
    let database = Database::create().await;
    let (pool, store) = (&database.pool, EventStore::start(database.pool.clone(), Settings::default()));
    open_p1(&store).await;
    done(&store, margherita(order_id())).await;
    let policy = Policy { follow: resume_at_once, ..policy(Start::Beginning) };
    react_once(pool, &store, policy).await.unwrap();
    let letters = dead_letters::list(pool).await.unwrap();
    let [letter] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!((&*letter.command, &*letter.target, letter.attempts), ("resumePizzeria", "pizzeria:P1", 1));

    let retry = |policies: &'static [Policy]| dead_letters::retry(pool, &store, policies, letter);
    const TODAY: &[Policy] = &[Policy {
        name: "start_at_once",
        follows: StreamType::Order,
        starts: Start::Beginning,
        follow: resume_at_once,
    }];
    assert_eq!(retry(TODAY).await.unwrap(), RetryResult::Refused(letter.reason.clone()));
    assert_eq!(dead_letters::list(pool).await.unwrap()[0].attempts, 2);
    assert_eq!(retry(&[]).await.unwrap(), RetryResult::NotSentAnyMore);
    // Its cause is mended.
    store.execute(pause("oven"), context()).await.unwrap();
    assert_eq!(retry(TODAY).await.unwrap(), RetryResult::Done);
    assert_eq!(stored(pool, "PizzeriaResumed").await, 1);
    assert_eq!(dead_letters::list(pool).await.unwrap().len(), 0);
    // The reactor's own repetition finds it done.
    from_the_start(pool).await;
    react_once(pool, &store, policy).await.unwrap();
    assert_eq!(stored(pool, "PizzeriaResumed").await, 1);
    assert_eq!(dead_letters::list(pool).await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_timers_refusal_is_decided_again() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open_p1(&store).await;
    let order = order_id();
    done(&store, online(order)).await;
    let expire =
        |now| store.execute(Arc::new(ExpireOrder { order, now }), projections::expiry_context(order));
    assert!(expire(later(1)).await.unwrap().refusal.is_some());
    assert_eq!(expire(later(10)).await.unwrap().refusal, None);
    assert!(expire(later(11)).await.unwrap().refusal.is_some(), "once");
}
