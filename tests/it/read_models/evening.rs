//! An evening at P1 with orders of every outcome and a courier: fixtures of the read models' tests.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Role;
use domain::delivery::{DeliveryCommand, DeliveryFailure, ProofGiven};
use domain::ids::{DeliveryId, OrderId, StaffId};
use domain::order::{CancelReason, Fulfilment, OnlinePayment, OrderCommand, PaymentIntent, PaymentMethod};
use domain::pizzeria::Place;
use domain::staff::StaffCommand;
use domain::usecase::{
    AssignDelivery, CancelOrder, ChangeOrderLines, ExpireOrder, PlaceOrder, ScheduleDelivery,
    StartPreparation, ToDelivery, ToOrder, ToStaff, UseCase,
};
use domain::{Cents, demo_data};
use event_store::{CommandResult, EventStore};
use uuid::Uuid;

use crate::log::pizzas::{context, margherita, now, open, order_id, p1, run};

pub fn later(minutes: i64) -> DateTime<Utc> {
    now() + TimeDelta::minutes(minutes)
}

pub fn courier() -> StaffId {
    StaffId(Uuid::from_u128(11))
}

/// Executes a command that must succeed.
pub async fn done(store: &EventStore, use_case: impl UseCase + 'static) -> CommandResult {
    let outcome = store.execute(Arc::new(use_case), context()).await.unwrap();
    assert_eq!(outcome.refusal, None);
    outcome
}

/// P1 with the demo's stock and one courier.
pub async fn open_p1(store: &EventStore) {
    open(store, demo_data::opening_stock(&p1())).await;
    let command = StaffCommand::Hire {
        staff: courier(),
        role: Role::Courier,
        pizzeria: Some(p1()),
        by: Role::System,
        other_directors: 0,
        now: now(),
    };
    done(store, ToStaff { name: "hireStaff", staff: courier(), command }).await;
}

/// A Margherita to be paid online within ten minutes.
pub fn online(order: OrderId) -> PlaceOrder {
    PlaceOrder { payment: PaymentIntent::Online, ..margherita(order) }
}

/// Two Margheritas, delivered nearby.
pub fn delivered(order: OrderId) -> PlaceOrder {
    let mut placing = PlaceOrder { payment: PaymentIntent::OnDelivery, ..margherita(order) };
    placing.basket.fulfilment = Fulfilment::Delivery;
    placing.basket.lines[0].quantity = 2;
    placing.basket.place = Some(Place::from_degrees(48.893, 2.345).unwrap());
    placing
}

pub async fn tell(store: &EventStore, order: OrderId, command: OrderCommand) -> CommandResult {
    done(store, ToOrder { name: "toOrder", order, command }).await
}

/// Prepares an order until it is ready.
pub async fn cook(store: &EventStore, order: OrderId) {
    done(store, StartPreparation { by: None, order, now: later(2) }).await;
    tell(store, order, OrderCommand::MarkReady { now: later(10) }).await;
}

/// The courier claims a scheduled delivery and leaves.
pub async fn leave_with(store: &EventStore, order: OrderId) {
    let delivery = DeliveryId::of(order);
    done(store, AssignDelivery { delivery, courier: courier(), claimed: true, now: later(11) }).await;
    step(store, order, DeliveryCommand::PickUp { by: Some(courier()), now: later(12) }).await;
}

pub async fn step(store: &EventStore, order: OrderId, command: DeliveryCommand) -> CommandResult {
    done(store, ToDelivery { name: "toDelivery", delivery: DeliveryId::of(order), command }).await
}

/// Plays orders of every outcome; returns one that stays open and one that was handed over.
pub async fn play(store: &EventStore) -> (OrderId, OrderId) {
    open_p1(store).await;
    let [open, fetched, paid_online, expired, cancelled, wasted, brought, failed] =
        std::array::from_fn(|_| order_id());
    for order in [open, fetched, cancelled, wasted] {
        done(store, margherita(order)).await;
    }
    for order in [paid_online, expired] {
        done(store, online(order)).await;
    }
    for order in [brought, failed] {
        done(store, delivered(order)).await;
    }
    let mut lines = margherita(open).basket.lines;
    lines[0].quantity = 3;
    done(
        store,
        ChangeOrderLines {
            order: open,
            edits: domain::usecase::LineEdits::Whole(lines),
            notes: Vec::new(),
            unnoted: Vec::new(),
            expected_total: None,
            bound: domain::usecase::Bound::Vouched,
            load: domain::policies::promise::KitchenLoad::default(),
            now: later(1),
        },
    )
    .await;
    let accepted = OnlinePayment::Accepted { reference: "r1".into() };
    tell(store, paid_online, OrderCommand::PayOnline { outcome: accepted, now: later(1) }).await;
    done(store, ExpireOrder { order: expired, now: later(10) }).await;
    let cancel = |order| CancelOrder {
        order,
        reason: CancelReason::CustomerRequest,
        even_started: true,
        now: later(3),
    };
    done(store, cancel(cancelled)).await;
    done(store, StartPreparation { by: None, order: wasted, now: later(2) }).await;
    done(store, cancel(wasted)).await;
    for order in [fetched, paid_online, brought, failed] {
        cook(store, order).await;
    }
    let cash = |cents| OrderCommand::RecordPayment {
        method: PaymentMethod::Cash,
        amount: Cents(cents),
        now: later(12),
    };
    tell(store, fetched, cash(1100)).await;
    tell(store, fetched, OrderCommand::HandOver { now: later(13) }).await;
    for order in [brought, failed] {
        // A running reactor may be first.
        run(store, ScheduleDelivery { order, now: later(10) }).await;
        leave_with(store, order).await;
    }
    let proof = ProofGiven::Code { given: "1234".into(), derived: vec!["1234".into()] };
    step(store, brought, DeliveryCommand::Complete { by: Some(courier()), proof, now: later(30) }).await;
    let reason = DeliveryFailure::Absent;
    step(store, failed, DeliveryCommand::Fail { by: Some(courier()), reason, now: later(40) }).await;
    (open, fetched)
}
