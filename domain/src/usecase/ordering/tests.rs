//! Tests of orders with their stock, over the demo's pizzerias.

mod changing;
mod ending;
mod goat_cheese;
mod placing;
mod properties;
mod unpaid;

use uuid::Uuid;

use super::*;
use crate::event::Event;
use crate::ids::IngredientCode;
use crate::ingredients::Ingredients;
use crate::order::Fulfilment::{Delivery, Takeaway};
use crate::order::{OnlinePayment, Order, OrderEvent, PaymentMethod};
use crate::pizzeria::PizzeriaEvent;
use crate::policies::promise::KitchenLoad;
use crate::testing::MemoryStore;
use crate::testing::baskets::{basket, line, p1};
use crate::usecase::{Bound, ChangeOrderLines, LineEdits, ToOrder, pricing};

fn id(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

fn stocked(code: &str) -> IngredientCode {
    code.parse().unwrap()
}

/// Returns the placement of a takeaway order of these lines at P1, paid at the counter.
fn place(number: u128, lines: &[&str]) -> PlaceOrder {
    PlaceOrder {
        order: id(number),
        pizzeria: p1(),
        basket: basket(Takeaway, lines),
        channel: OrderChannel::Web,
        customer: Some(CustomerId(Uuid::from_u128(7))),
        contact: Some(ContactId(Uuid::from_u128(8))),
        payment: PaymentIntent::AtCounter,
        expected_total: None,
        conditions: Conditions::default(),
        now: now(),
    }
}

fn placed_online(number: u128, lines: &[&str]) -> PlaceOrder {
    PlaceOrder { payment: PaymentIntent::Online, ..place(number, lines) }
}

fn cancel(number: u128, even_started: bool) -> CancelOrder {
    CancelOrder { order: id(number), reason: CancelReason::CustomerRequest, even_started, now: now() }
}

fn pay_online(number: u128) -> ToOrder {
    let outcome = OnlinePayment::Accepted { reference: "ref".into() };
    ToOrder { name: "payOnline", order: id(number), command: OrderCommand::PayOnline { outcome, now: now() } }
}

fn names(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|(_, event)| event.event_type()).collect()
}

fn available(store: &MemoryStore, code: &str) -> i64 {
    store.stock(&p1()).available(&stocked(code))
}

/// Returns the quantities on hand and reserved.
fn level(store: &MemoryStore, code: &str) -> (i64, i64) {
    let level = store.stock(&p1()).level(&stocked(code));
    (level.on_hand, level.reserved)
}

/// Returns the ingredients of an order as it was sold.
fn needs(store: &MemoryStore, number: u128) -> Ingredients {
    pricing::order_needs(&store.menu(), &store.placed(id(number)))
}

fn pause(store: &mut MemoryStore) {
    let event =
        PizzeriaEvent::PizzeriaPaused { reason: crate::note::Reason::default(), until: None, at: now() };
    store.append(&StreamId::pizzeria(&p1()), event.into());
}

/// Checks that the command is refused and nothing is stored.
#[track_caller]
fn refused(store: &mut MemoryStore, use_case: &dyn UseCase, refusal: impl Into<Refusal>) {
    let before = store.log().len();
    assert_eq!(store.execute(use_case), Err(refusal.into()));
    assert_eq!(store.log().len(), before);
}
