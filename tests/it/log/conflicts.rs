//! Version conflicts: the first writer wins, others are retried in the store, and decisions use stored state only.

use std::sync::Arc;

use domain::access::Role;
use domain::demo_data;
use domain::ids::{IngredientCode, StaffId};
use domain::menu::{MenuCommand, PizzaSize};
use domain::order::{CancelReason, OrderError};
use domain::pizzeria::PizzeriaEvent;
use domain::staff::StaffError;
use domain::stock::StockCommand;
use domain::usecase::{
    CancelOrder, Decision, ManageStaff, Refusal, StaffChange, StartPreparation, States, ToMenu, UseCase,
};
use domain::{AggregateState, StreamId};
use event_store::{CommandContext, EventStore, Settings, StoreError};
use tests::Database;

use crate::log::pizzas::*;

#[tokio::test]
async fn one_of_64_orders_gets_the_last_pizza() {
    for writers in [1, 2] {
        let database = Database::create().await;
        let stores: Vec<_> =
            (0..writers).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
        open(&stores[0], stock_for(1)).await;

        let outcomes = race(&stores, 64).await;

        let won = outcomes.iter().filter(|outcome| outcome.refusal.is_none()).count();
        assert_eq!(won, 1, "with {writers} writers");
        let (state, _) = stores[0].load(&StreamId::stock(&p1())).await.unwrap();
        let AggregateState::Stock(stock) = state else { panic!("a stock") };
        let tomato: IngredientCode = "TOMATO".parse().unwrap();
        assert_eq!(stock.available(&tomato), 0);
        assert_whole(&database).await;
    }
}

#[tokio::test]
async fn concurrent_writers_on_one_stock_all_succeed() {
    let database = Database::create().await;
    let stores: Vec<_> =
        (0..3).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
    open(&stores[0], stock_for(150)).await;

    let mut won = 0;
    for _ in 0..3 {
        won += race(&stores, 60).await.iter().filter(|outcome| outcome.refusal.is_none()).count();
    }

    assert_eq!(won, 150);
    assert_eq!(assert_whole(&database).await, 3 + 150 * 2 + 30 + low_events(&database).await);
}

async fn low_events(database: &Database) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM events WHERE event_type IN ('StockLow', 'StockRecovered')")
        .fetch_one(&database.pool)
        .await
        .unwrap()
}

#[tokio::test]
async fn refusals_are_decided_on_the_events_of_other_processes() {
    let database = Database::create().await;
    let a = EventStore::start(database.pool.clone(), Settings::default());
    let b = EventStore::start(database.pool.clone(), Settings::default());
    open(&a, stock_for(1)).await;
    let order = order_id();
    let held = run(&a, margherita(order)).await;
    assert_eq!(held.refusal, None);
    // Both processes now know that nothing is left.
    assert!(run(&b, margherita(order_id())).await.refusal.is_some());
    assert!(run(&a, margherita(order_id())).await.refusal.is_some());

    let cancel =
        CancelOrder { order, reason: CancelReason::CustomerRequest, even_started: false, now: now() };
    assert_eq!(run(&b, cancel).await.refusal, None);

    assert_eq!(run(&a, margherita(order_id())).await.refusal, None, "a must not answer from memory alone");
}

#[tokio::test]
async fn a_menu_published_by_another_process_applies_to_the_next_order() {
    let database = Database::create().await;
    let a = EventStore::start(database.pool.clone(), Settings::default());
    let b = EventStore::start(database.pool.clone(), Settings::default());
    open(&a, stock_for(3)).await;
    run(&a, margherita(order_id())).await;
    let mut changes = demo_data::menu();
    changes.pizzas.retain(|pizza| pizza.code.as_str() == "MAR");
    changes.pizzas[0].sizes.get_mut(&PizzaSize::M).unwrap().price = domain::Cents(9900);
    let publish = MenuCommand::Publish {
        changes: Box::new(domain::menu::MenuChanges { pizzas: changes.pizzas, ..Default::default() }),
        now: now(),
    };
    run(&b, ToMenu { command: publish }).await;

    let outcome = run(&a, margherita(order_id())).await;

    let AggregateState::Order(order) = &*outcome.state else { panic!("an order") };
    assert_eq!(order.placed().unwrap().pricing.total, domain::Cents(9900));
    assert_eq!(order.placed().unwrap().lines[0].item.as_str(), "MAR");
}

/// Decides once and panics the second time, while a conflict is settled.
#[derive(Debug)]
struct PanicsWhenSettled(StockCommand, std::sync::atomic::AtomicBool);

impl UseCase for PanicsWhenSettled {
    fn name(&self) -> &'static str {
        "panics"
    }
    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::stock(&p1())]
    }
    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        assert!(!self.1.swap(true, std::sync::atomic::Ordering::SeqCst), "decided twice, as the test wants");
        let events = domain::stock::decide(states.stock(&p1()), self.0.clone())?;
        Ok(Decision::on(StreamId::stock(&p1()), events))
    }
}

#[tokio::test]
async fn restarts_a_crashed_appender_and_answers_its_callers() {
    let database = Database::create().await;
    let a = EventStore::start(database.pool.clone(), Settings::default());
    let b = EventStore::start(database.pool.clone(), Settings::default());
    open(&a, stock_for(5)).await;
    run(&a, margherita(order_id())).await;
    run(&b, margherita(order_id())).await;
    let count = StockCommand::Count { lines: stock_for(9), now: now() };

    let died = a.execute(Arc::new(PanicsWhenSettled(count, Default::default())), context()).await;

    assert!(matches!(died, Err(StoreError::Unavailable(None))), "{died:?}");
    assert_eq!(run(&a, margherita(order_id())).await.refusal, None);
    assert_eq!(assert_whole(&database).await, 3 + 3 * 2);
}

#[tokio::test]
async fn refuses_a_taken_order_id_without_loading_the_stream() {
    let database = Database::create().await;
    let a = EventStore::start(database.pool.clone(), Settings::default());
    let b = EventStore::start(database.pool.clone(), Settings::default());
    open(&a, stock_for(5)).await;
    let order = order_id();
    run(&a, margherita(order)).await;

    let taken = run(&b, margherita(order)).await;

    assert_eq!(taken.refusal, Some(Refusal::Order(OrderError::AlreadyPlaced)));
    assert_eq!(assert_whole(&database).await, 5);
}

#[tokio::test]
async fn a_cache_ahead_of_the_log_leaves_no_gap() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(5)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    // As after a failover to a replica without the last transaction.
    sqlx::raw_sql(
        "ALTER TABLE events DISABLE TRIGGER events_append_only;
         DELETE FROM events WHERE position > 3;
         UPDATE event_log_head SET position = 3;
         ALTER TABLE events ENABLE TRIGGER events_append_only",
    )
    .execute(&database.pool)
    .await
    .unwrap();

    let lost = store.execute(Arc::new(StartPreparation { by: None, order, now: now() }), context()).await;

    assert!(matches!(lost, Err(StoreError::Unavailable(None))), "{lost:?}");
    assert_eq!(run(&store, margherita(order_id())).await.refusal, None);
    assert_eq!(assert_whole(&database).await, 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pause_stored_while_an_order_waits_applies_to_it() {
    let database = Database::create().await;
    let pool = &database.pool;
    let store = EventStore::start(pool.clone(), Settings::default());
    open(&store, stock_for(10)).await;
    assert_eq!(run(&store, margherita(order_id())).await.refusal, None);

    let mut head = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM event_log_head FOR UPDATE").execute(&mut *head).await.unwrap();
    let placing = {
        let store = store.clone();
        tokio::spawn(async move { run(&store, margherita(order_id())).await })
    };
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE '%lock_log_head%' AND pid <> pg_backend_pid()";
    tests::eventually("the order waits for the head", || async {
        sqlx::query(waits).fetch_optional(pool).await.unwrap().map(|_| ())
    })
    .await;
    // As stored by the appender of another process.
    let paused = PizzeriaEvent::PizzeriaPaused { reason: "Oven".into(), until: None, at: now() };
    sqlx::query(
        "WITH head AS (UPDATE event_log_head SET position = position + 1, settings_position = position + 1 \
         RETURNING position) INSERT INTO events SELECT head.position, 'pizzeria', 'P1', 2, 'PizzeriaPaused', \
         '1.0.0', now(), $1::json, metadata FROM head, events WHERE events.position = 1",
    )
    .bind(serde_json::to_string(&paused).unwrap())
    .execute(&mut *head)
    .await
    .unwrap();
    head.commit().await.unwrap();

    let refusal = placing.await.unwrap().refusal;
    assert!(matches!(refusal, Some(Refusal::Order(OrderError::PizzeriaClosed))), "{refusal:?}");
    assert_whole(&database).await;
}

/// Each of two processes revokes the director that the other's command reads.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_of_two_directors_who_revoke_each_other_concurrently_remains() {
    let database = Database::create().await;
    let pool = &database.pool;
    let stores = [(); 2].map(|()| EventStore::start(pool.clone(), Settings::default()));
    let directors = [1, 2].map(|n| StaffId(uuid::Uuid::from_u128(n)));
    let change = |staff, change| {
        let (by, within, directors) = (Role::Director, None, directors.to_vec());
        ManageStaff { staff, change, by, within, directors, now: now() }
    };
    for director in directors {
        run(&stores[0], change(director, StaffChange::Hire { role: Role::Director, pizzeria: None })).await;
    }
    // Both processes know both.
    for store in &stores {
        store.execute(Arc::new(change(directors[0], StaffChange::Revoke)), stale()).await.unwrap();
    }
    let mut head = pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM event_log_head FOR UPDATE").execute(&mut *head).await.unwrap();
    let revoking = [(0, 1), (1, 0)].map(|(by, of)| {
        let (store, revoke) = (stores[by].clone(), change(directors[of], StaffChange::Revoke));
        tokio::spawn(async move { run(&store, revoke).await })
    });
    let waits = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() \
                 AND wait_event_type = 'Lock' AND query LIKE '%log_head%'";
    tests::eventually("both wait for the head", || async {
        (sqlx::query(waits).fetch_all(pool).await.unwrap().len() == 2).then_some(())
    })
    .await;
    head.commit().await.unwrap();
    let mut refusals = Vec::new();
    for revoked in revoking {
        refusals.push(revoked.await.unwrap().refusal);
    }
    refusals.sort_by_key(Option::is_some);
    assert_eq!(refusals, [None, Some(Refusal::Staff(StaffError::LastDirector))]);
    assert_whole(&database).await;
}

/// A context that is refused after the streams were loaded.
fn stale() -> CommandContext {
    CommandContext { expected_version: Some(99), ..context() }
}

#[tokio::test]
async fn the_head_names_the_last_change_of_menu_or_pizzeria() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(10)).await;
    run(&store, margherita(order_id())).await;
    let at: i64 = sqlx::query_scalar("SELECT settings_position FROM event_log_head")
        .fetch_one(&database.pool)
        .await
        .unwrap();
    assert_eq!(at, 2, "the menu, the pizzeria, and after that its stock and an order");
}
