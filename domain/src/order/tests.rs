//! Tests of decide and evolve: given events, when a command, then events or a refusal.

mod lifecycle;
mod money;
mod properties;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::delivery::DeliveryFailure;
use crate::ids::OrderId;
use crate::ingredients::Quantity;
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::testing::MemoryStore;
use crate::vat::{VatClass, VatRate};

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

fn id() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

/// Line 1: a Margherita; line 2: two colas. Together 15.40.
fn lines() -> Vec<OrderLine> {
    let line = |line, item: &str, size, quantity, price, vat_class, rate| OrderLine {
        line,
        item: item.parse().unwrap(),
        name: item.to_owned(),
        size,
        quantity,
        extras: Vec::new(),
        without: Vec::new(),
        unit_price: Cents(price),
        total: Cents(price).times(quantity),
        vat_class,
        vat_rate: VatRate(rate),
        recipe_version: 1,
        baked: false,
    };
    vec![
        line(1, "MAR", Some(PizzaSize::M), 1, 1100, VatClass::Pizza, 1000),
        line(2, "COLA", None, 2, 220, VatClass::SoftDrink, 550),
    ]
}

fn sold(lines: &[OrderLine]) -> Vec<SoldLine> {
    lines.iter().map(SoldLine::from).collect()
}

const TOTAL: Cents = Cents(1540);

fn placement(fulfilment: Fulfilment, payment: PaymentIntent) -> Placement {
    let delivered = fulfilment == Fulfilment::Delivery;
    Placement {
        order: id(),
        number: "P1-000001".into(),
        pizzeria: "P1".parse().unwrap(),
        channel: OrderChannel::Web,
        fulfilment,
        customer: None,
        contact: None,
        distance_m: delivered.then_some(1_200),
        delivery_code: delivered.then(|| "0042".to_owned()),
        lines: sold(&lines()),
        delivery_fee: Cents::ZERO,
        needs: crate::Ingredients::new(),
        pricing: None,
        minimum: None,
        payment,
        promise: Promised { at: later(30) },
        expires_at: (payment == PaymentIntent::Online).then(|| later(10)),
        notes: Vec::new(),
    }
}

fn placed_as(fulfilment: Fulfilment, payment: PaymentIntent) -> OrderEvent {
    OrderEvent::OrderPlaced { placement: Box::new(placement(fulfilment, payment)), at: now() }
}

fn refused() -> OrderEvent {
    OrderEvent::OrderRefused {
        order: id(),
        pizzeria: "P1".parse().unwrap(),
        channel: OrderChannel::Web,
        customer: None,
        asked: vec![AskedLine { item: "MAR".parse().unwrap(), size: Some(PizzaSize::M), quantity: 1 }],
        total: Cents(1100),
        missing: vec![Missing {
            ingredient: "BASIL".parse().unwrap(),
            needed: Quantity(4),
            available: Quantity(3),
        }],
        at: now(),
    }
}

fn captured(method: PaymentMethod, amount: i64) -> OrderEvent {
    OrderEvent::PaymentCaptured { method, amount: Cents(amount), reference: None, at: now() }
}

fn refunded(method: PaymentMethod, amount: i64) -> OrderEvent {
    OrderEvent::PaymentRefunded { method, amount: Cents(amount), at: now(), note: None }
}

fn at(event: fn(DateTime<Utc>) -> OrderEvent) -> OrderEvent {
    event(now())
}

fn started() -> OrderEvent {
    at(|at| OrderEvent::PreparationStarted { by: None, at })
}

fn ready(fulfilment: Fulfilment) -> OrderEvent {
    OrderEvent::OrderReady { fulfilment, at: now() }
}

fn out() -> OrderEvent {
    at(|at| OrderEvent::OrderOutForDelivery { at })
}

fn not_delivered() -> OrderEvent {
    OrderEvent::OrderNotDelivered { reason: DeliveryFailure::Absent, at: now() }
}

/// Returns the events that lead to a status.
fn history(status: OrderStatus) -> Vec<OrderEvent> {
    use Fulfilment::{Delivery, Takeaway};
    use PaymentIntent::{AtCounter, OnDelivery, Online};
    let delivery = |more: Vec<OrderEvent>| {
        [vec![placed_as(Delivery, OnDelivery), started(), ready(Delivery)], more].concat()
    };
    match status {
        OrderStatus::Refused => vec![refused()],
        OrderStatus::AwaitingPayment => vec![placed_as(Delivery, Online)],
        OrderStatus::Placed => vec![placed_as(Delivery, OnDelivery)],
        OrderStatus::InPreparation => vec![placed_as(Delivery, OnDelivery), started()],
        OrderStatus::Ready => delivery(vec![]),
        OrderStatus::OutForDelivery => delivery(vec![out()]),
        OrderStatus::Delivered => delivery(vec![out(), at(|at| OrderEvent::OrderDelivered { at })]),
        OrderStatus::NotDelivered => delivery(vec![out(), not_delivered()]),
        OrderStatus::Returned => {
            delivery(vec![out(), not_delivered(), at(|at| OrderEvent::OrderReturned { at })])
        }
        OrderStatus::HandedOver => vec![
            placed_as(Takeaway, AtCounter),
            captured(PaymentMethod::Cash, TOTAL.0),
            started(),
            ready(Takeaway),
            at(|at| OrderEvent::OrderHandedOver { at }),
        ],
        OrderStatus::Cancelled => vec![
            placed_as(Delivery, OnDelivery),
            OrderEvent::OrderCancelled { reason: CancelReason::CustomerRequest, at: now(), note: None },
        ],
        OrderStatus::Expired => {
            vec![placed_as(Delivery, Online), at(|at| OrderEvent::OrderExpired { at })]
        }
    }
}

fn does(command: OrderCommand) -> impl FnOnce(&Order) -> Result<Vec<OrderEvent>, OrderError> {
    |state| decide(state, command)
}

fn change_lines(change: LinesChange) -> OrderCommand {
    OrderCommand::ChangeLines {
        change,
        promised_at: Some(later(35)),
        notes: Vec::new(),
        unnoted: Vec::new(),
        now: later(1),
    }
}

/// The event of such a change.
fn lines_changed(change: LinesChange, promised_at: Option<DateTime<Utc>>) -> OrderEvent {
    OrderEvent::OrderLinesChanged {
        added: change.added,
        removed: change.removed,
        quantities: change.quantities,
        replaces: false,
        needs: crate::Ingredients::new(),
        pricing: None,
        promise: promised_at.map(|at| Promised { at }),
        notes: Vec::new(),
        unnoted: Vec::new(),
        at: later(1),
    }
}

fn cancel(even_started: bool) -> OrderCommand {
    OrderCommand::Cancel { reason: CancelReason::PizzeriaRequest, even_started, now: now() }
}

/// Returns every command, in its simplest form.
fn every_command() -> Vec<OrderCommand> {
    let now = now();
    vec![
        OrderCommand::Place {
            placement: Box::new(placement(Fulfilment::Takeaway, PaymentIntent::AtCounter)),
            expected_total: None,
            now,
        },
        OrderCommand::Refuse {
            order: id(),
            pizzeria: "P1".parse().unwrap(),
            channel: OrderChannel::Web,
            customer: None,
            asked: Vec::new(),
            total: TOTAL,
            missing: Vec::new(),
            now,
        },
        change_lines(LinesChange { removed: vec![1], ..LinesChange::default() }),
        cancel(false),
        cancel(true),
        OrderCommand::Expire { now: later(10) },
        OrderCommand::RecordPayment { method: PaymentMethod::Cash, amount: Cents(1), now },
        OrderCommand::PayOnline { outcome: OnlinePayment::Accepted { reference: "r".into() }, now },
        OrderCommand::PayOnline { outcome: OnlinePayment::Declined { reason: "no_funds".into() }, now },
        OrderCommand::Refund { method: PaymentMethod::Cash, amount: Cents(1), now },
        OrderCommand::StartPreparation { by: None, now },
        OrderCommand::MarkItemBaked { line: 1, now },
        OrderCommand::MarkReady { now },
        OrderCommand::HandOver { now },
        OrderCommand::MarkOutForDelivery { now },
        OrderCommand::MarkDelivered { now },
        OrderCommand::MarkNotDelivered { reason: DeliveryFailure::Absent, now },
        OrderCommand::MarkReturned { now },
    ]
}
