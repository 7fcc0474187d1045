//! The log: what is appended is there once, whole, in order, whoever else appends.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::{Actor, Role};
use domain::demo_data;
use domain::ids::{IngredientCode, ItemCode, OrderId, PizzeriaId};
use domain::menu::{MenuCommand, PizzaSize};
use domain::order::{
    CancelReason, Fulfilment, OrderChannel, OrderCommand, OrderError, OrderStatus, PaymentIntent,
};
use domain::pizzeria::PizzeriaCommand;
use domain::stock::StockCommand;
use domain::usecase::{
    Basket, BasketLine, CancelOrder, PlaceOrder, Refusal, StartPreparation, ToMenu, ToOrder, ToPizzeria,
    ToStock, UseCase,
};
use domain::{AggregateState, Ingredients, LogPosition, Quantity, StreamId};
use event_store::{
    CommandContext, EventStore, Follower, Idempotency, LogError, Outcome, RecordedEvent, Settings,
    StoreError, log,
};
use futures_util::{Stream, StreamExt};
use tests::Database;
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    "2026-11-24T18:00:00Z".parse().unwrap()
}

fn p1() -> PizzeriaId {
    "P1".parse().unwrap()
}

fn context() -> CommandContext {
    let actor = Actor { id: Uuid::from_u128(7), role: Role::Director, pizzeria: None };
    CommandContext::new(actor, Uuid::now_v7(), "test")
}

fn keyed(key: &str, input: u8) -> CommandContext {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: [input; 32] };
    CommandContext { idempotency: Some(idempotency), ..context() }
}

async fn run(store: &EventStore, use_case: impl UseCase + 'static) -> Outcome {
    store.execute(Arc::new(use_case), context()).await.unwrap()
}

/// The menu, P1 and a stock of it.
async fn open(store: &EventStore, stock: Ingredients) {
    let changes = Box::new(demo_data::menu());
    run(store, ToMenu { command: MenuCommand::Publish { changes, now: now() } }).await;
    let opening = Box::new(demo_data::pizzerias().into_iter().find(|o| o.pizzeria == p1()).unwrap());
    let command = PizzeriaCommand::Open { opening, now: now() };
    run(store, ToPizzeria { name: "openPizzeria", pizzeria: p1(), command }).await;
    let command = StockCommand::Receive {
        supplier: "Opening".into(),
        delivery_note: "1".into(),
        lines: stock,
        now: now(),
    };
    run(store, ToStock { name: "receiveSupply", pizzeria: p1(), command }).await;
}

fn margherita(order: OrderId) -> PlaceOrder {
    PlaceOrder {
        order,
        pizzeria: p1(),
        basket: Basket {
            fulfilment: Fulfilment::Takeaway,
            lines: vec![BasketLine {
                item: "MAR".parse::<ItemCode>().unwrap(),
                size: Some(PizzaSize::M),
                quantity: 1,
                extras: vec![],
                without: vec![],
            }],
            place: None,
        },
        channel: OrderChannel::Counter,
        customer: None,
        contact: None,
        payment: PaymentIntent::AtCounter,
        expected_total: None,
        delivery_code: "1234".into(),
        now: now(),
    }
}

fn order_id() -> OrderId {
    OrderId(Uuid::now_v7())
}

/// Enough of everything for `pizzas` Margheritas and no more.
fn stock_for(pizzas: u32) -> Ingredients {
    let menu = demo_data::menu();
    let pizza = menu.pizzas.iter().find(|pizza| pizza.code.as_str() == "MAR").unwrap();
    let mut stock = Ingredients::new();
    stock.add_all(&pizza.sizes[&PizzaSize::M].recipe, pizzas);
    stock
}

/// The log is gapless and each stream's sequences count from 1.
async fn assert_whole(database: &Database) -> i64 {
    let (count, last, head): (i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), coalesce(max(position), 0), (SELECT position FROM event_log_head) FROM events",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!((count, last), (head, head), "positions are gapless");
    let broken: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT count(*) AS n, max(sequence) AS last FROM events
         GROUP BY aggregate_type, aggregate_id) AS streams WHERE n <> last",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(broken, 0, "sequences are gapless");
    let backwards: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM (SELECT recorded_at < lag(recorded_at) OVER (ORDER BY position) AS b FROM events) AS t
         WHERE b",
    )
    .fetch_one(&database.pool)
    .await
    .unwrap();
    assert_eq!(backwards, 0, "time never goes back");
    head
}

#[tokio::test]
async fn an_order_and_its_reservation_are_stored_together() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(2)).await;
    let order = order_id();

    let outcome = run(&store, margherita(order)).await;

    assert_eq!((outcome.refusal, outcome.version), (None, 1));
    let events = log::read_after(&database.pool, LogPosition(3), 10).await.unwrap();
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
async fn a_refused_placement_is_a_fact_and_nothing_is_reserved() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(0)).await;
    let outcome = run(&store, margherita(order_id())).await;
    assert!(matches!(outcome.refusal, Some(Refusal::Order(OrderError::InsufficientStock { .. }))));
    assert!(outcome.position.is_some());
}

async fn race(stores: &[EventStore], clients: usize) -> Vec<Outcome> {
    let placing = (0..clients).map(|i| {
        let store = stores[i % stores.len()].clone();
        tokio::spawn(async move { store.execute(Arc::new(margherita(order_id())), context()).await.unwrap() })
    });
    let mut outcomes = Vec::new();
    for task in placing.collect::<Vec<_>>() {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

#[tokio::test]
async fn the_last_pizza_goes_to_one_of_64() {
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
async fn writers_on_the_same_stock_lose_nothing_and_ask_nobody_to_try_again() {
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

#[tokio::test]
async fn a_refusal_is_decided_on_what_other_processes_have_stored() {
    let database = Database::create().await;
    let a = EventStore::start(database.pool.clone(), Settings::default());
    let b = EventStore::start(database.pool.clone(), Settings::default());
    open(&a, stock_for(1)).await;
    let order = order_id();
    let held = run(&a, margherita(order)).await;
    assert_eq!(held.refusal, None);
    // Now both know that nothing is left.
    assert!(run(&b, margherita(order_id())).await.refusal.is_some());
    assert!(run(&a, margherita(order_id())).await.refusal.is_some());

    let cancel =
        CancelOrder { order, reason: CancelReason::CustomerRequest, even_started: false, now: now() };
    assert_eq!(run(&b, cancel).await.refusal, None);

    assert_eq!(run(&a, margherita(order_id())).await.refusal, None, "a must not answer from memory alone");
}

#[tokio::test]
async fn a_stale_version_is_refused() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    let order = order_id();
    run(&store, margherita(order)).await;
    let start = || Arc::new(StartPreparation { order, now: now() });
    let expecting = |version| CommandContext { expected_version: Some(version), ..context() };

    let stale = store.execute(start(), expecting(0)).await.unwrap();
    assert_eq!(stale.refusal, Some(Refusal::StaleVersion { expected: 0, actual: 1 }));
    let right = store.execute(start(), expecting(1)).await.unwrap();
    assert_eq!((right.refusal, right.version), (None, 2));
    let AggregateState::Order(order) = &*right.state else { panic!("an order") };
    assert_eq!(order.status(), Some(OrderStatus::InPreparation));
}

#[tokio::test]
async fn a_long_stream_is_loaded_from_its_snapshot_and_reads_the_same() {
    let database = Database::create().await;
    let settings = Settings { snapshot_every: 10.try_into().unwrap(), ..Settings::default() };
    let store = EventStore::start(database.pool.clone(), settings);
    open(&store, stock_for(50)).await;
    race(std::slice::from_ref(&store), 40).await;
    let stock = StreamId::stock(&p1());
    let snapshot = tests::eventually("a snapshot", || async {
        sqlx::query_scalar::<_, i64>(
            "SELECT sequence FROM snapshots WHERE aggregate_type = 'stock' AND sequence >= 40",
        )
        .fetch_optional(&database.pool)
        .await
        .unwrap()
    })
    .await;
    assert_eq!(snapshot % 10, 0);

    let with = store.load(&stock).await.unwrap();
    sqlx::query("DELETE FROM snapshots").execute(&database.pool).await.unwrap();
    assert_eq!(store.load(&stock).await.unwrap(), with);
}

#[tokio::test]
async fn the_log_refuses_everything_but_appends() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    open(&store, stock_for(1)).await;
    for statement in ["UPDATE events SET payload = '{}'", "DELETE FROM events", "TRUNCATE events"] {
        let refused = sqlx::query(statement).execute(&database.pool).await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code().map(|code| code.to_string()));
        assert_eq!(code.as_deref(), Some("42501"), "{statement}");
    }
    // Even for the superuser, who needs no privilege, the triggers stand.
    assert_eq!(log::head(&database.pool).await.unwrap(), LogPosition(3));
}

#[tokio::test]
async fn a_full_queue_says_so_at_once() {
    let database = Database::create().await;
    let settings = Settings { queue: 4.try_into().unwrap(), ..Settings::default() };
    let store = EventStore::start(database.pool.clone(), settings);
    open(&store, stock_for(100)).await;
    // Nobody can append while the head is locked.
    let mut holder = database.pool.begin().await.unwrap();
    sqlx::query("SELECT 1 FROM event_log_head FOR UPDATE").execute(&mut *holder).await.unwrap();
    let tasks: Vec<_> = (0..40)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.execute(Arc::new(margherita(order_id())), context()).await })
        })
        .collect();
    tests::eventually("somebody is turned away", || async {
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

#[tokio::test]
async fn a_menu_published_elsewhere_holds_for_the_next_order_here() {
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
    assert_eq!(order.placed().unwrap().needs.get(&"TOMATO".parse().unwrap()), Quantity(80));
}

#[tokio::test]
async fn the_framework_of_cqrs_es_writes_to_the_same_log() {
    let database = Database::create().await;
    let store = EventStore::start(database.pool.clone(), Settings::default());
    let framework = cqrs_es::CqrsFramework::<domain::pizzeria::Pizzeria, _>::new(store.clone(), vec![], ());
    let opening = Box::new(demo_data::pizzerias().into_iter().find(|o| o.pizzeria == p1()).unwrap());

    framework.execute("P1", PizzeriaCommand::Open { opening, now: now() }).await.unwrap();
    let pause = PizzeriaCommand::Pause { reason: "oven".into(), until: None, now: now() };
    framework.execute("P1", pause).await.unwrap();
    let again = framework.execute("P1", PizzeriaCommand::Resume { now: now() }).await;
    assert!(again.is_ok());

    let (state, version) = store.load(&StreamId::pizzeria(&p1())).await.unwrap();
    let AggregateState::Pizzeria(pizzeria) = state else { panic!("a pizzeria") };
    assert_eq!((version, pizzeria.opened().unwrap().pause.clone()), (3, None));
    assert_eq!(assert_whole(&database).await, 3);
}

async fn expect_positions(
    feed: impl Stream<Item = Result<Arc<RecordedEvent>, LogError>>,
    expected: std::ops::RangeInclusive<i64>,
) {
    let mut feed = std::pin::pin!(feed);
    for position in expected {
        let event = tests::within(feed.next()).await.unwrap().unwrap();
        assert_eq!(event.position, LogPosition(position));
    }
}

#[tokio::test]
async fn a_follower_sees_every_position_once_and_in_order_whoever_appends() {
    let database = Database::create().await;
    let stores: Vec<_> =
        (0..2).map(|_| EventStore::start(database.pool.clone(), Settings::default())).collect();
    let follower = Follower::start(database.pool.clone(), &[]).await.unwrap();
    let early = follower.events_after(LogPosition::START);
    open(&stores[0], stock_for(1000)).await;
    let appending = {
        let stores = stores.clone();
        tokio::spawn(async move {
            for _ in 0..4 {
                race(&stores, 64).await;
            }
        })
    };
    let last = 3 + 4 * 64 * 2;
    let late = follower.events_after(LogPosition(100));
    tokio::join!(expect_positions(early, 1..=last), expect_positions(late, 101..=last));
    appending.await.unwrap();
    assert_eq!(assert_whole(&database).await, last);
}
