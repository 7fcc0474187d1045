//! Margheritas at P1: fixtures of the log's tests.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::Ingredients;
use domain::access::{Actor, Role};
use domain::demo_data;
use domain::ids::{ItemCode, OrderId, PizzeriaId};
use domain::menu::{MenuCommand, PizzaSize};
use domain::order::{Fulfilment, OrderChannel, PaymentIntent};
use domain::pizzeria::PizzeriaCommand;
use domain::stock::StockCommand;
use domain::usecase::{Basket, BasketLine, PlaceOrder, ToMenu, ToPizzeria, ToStock, UseCase};
use event_store::{CommandContext, CommandResult, EventStore, Idempotency};
use tests::Database;
use uuid::Uuid;

pub fn now() -> DateTime<Utc> {
    "2026-11-24T18:00:00Z".parse().unwrap()
}

pub fn p1() -> PizzeriaId {
    "P1".parse().unwrap()
}

pub fn context() -> CommandContext {
    let actor = Actor { id: Uuid::from_u128(7), role: Role::Director, pizzeria: None };
    CommandContext::new(actor, Uuid::now_v7(), "test")
}

pub fn keyed(key: &str, input: u8) -> CommandContext {
    let idempotency = Idempotency { key: key.to_owned(), fingerprint: [input; 32] };
    CommandContext { idempotency: Some(idempotency), ..context() }
}

pub async fn run(store: &EventStore, use_case: impl UseCase + 'static) -> CommandResult {
    store.execute(Arc::new(use_case), context()).await.unwrap()
}

/// Stores the menu, P1 and a stock of it.
pub async fn open(store: &EventStore, stock: Ingredients) {
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

pub fn margherita(order: OrderId) -> PlaceOrder {
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
        conditions: domain::usecase::Conditions::default(),
        now: now(),
    }
}

pub fn order_id() -> OrderId {
    OrderId(Uuid::now_v7())
}

/// Exactly enough of everything for `pizzas` Margheritas.
pub fn stock_for(pizzas: u32) -> Ingredients {
    let menu = demo_data::menu();
    let pizza = menu.pizzas.iter().find(|pizza| pizza.code.as_str() == "MAR").unwrap();
    let mut stock = Ingredients::new();
    stock.add_all(&pizza.sizes[&PizzaSize::M].recipe, pizzas);
    stock
}

/// Asserts that the log is gapless and that each stream's sequences count from 1.
pub async fn assert_whole(database: &Database) -> i64 {
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

pub async fn race(stores: &[EventStore], clients: usize) -> Vec<CommandResult> {
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
