//! Tests of payments recorded at the counter and at the door, over the demo's pizzerias.

use super::*;
use crate::delivery::{DeliveryEvent, DeliveryFailure, Proof};
use crate::order::{Fulfilment, OrderChannel, OrderError, PaymentIntent};
use crate::testing::MemoryStore;
use crate::testing::baskets::{basket, p1};
use crate::usecase::{Conditions, PlaceOrder};
use uuid::Uuid;

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn id() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

fn courier(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(0xC0 + number))
}

fn pays(by: Option<StaffId>, method: PaymentMethod) -> RecordPayment {
    RecordPayment { order: id(), method, amount: Cents(100), by, now: now() }
}

/// Returns a store with a placed delivery order of 24.90.
fn placed() -> MemoryStore {
    let mut store = MemoryStore::demo();
    let place = PlaceOrder {
        order: id(),
        pizzeria: p1(),
        basket: basket(Fulfilment::Delivery, &["2 MAR M"]),
        channel: OrderChannel::Phone,
        customer: None,
        contact: None,
        payment: PaymentIntent::OnDelivery,
        expected_total: None,
        conditions: Conditions::default(),
        now: now(),
    };
    store.execute(&place).unwrap();
    store
}

fn delivery(store: &mut MemoryStore, events: Vec<DeliveryEvent>) {
    for event in events {
        store.append(&StreamId::delivery(DeliveryId::of(id())), event.into());
    }
}

fn scheduled() -> DeliveryEvent {
    DeliveryEvent::DeliveryScheduled {
        delivery: DeliveryId::of(id()),
        order: id(),
        number: "P1-000001".into(),
        pizzeria: p1(),
        customer: None,
        contact: None,
        distance_m: Some(556),
        code: Some("0042".into()),
        promised_at: now(),
        at: now(),
    }
}

fn assigned(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryAssigned { courier: courier(number), claimed: true, at: now() }
}

fn picked_up(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryPickedUp { courier: courier(number), joint: true, at: now() }
}

#[track_caller]
fn not_theirs(store: &mut MemoryStore, number: u128) {
    let length = store.log().len();
    let refused: Refusal = DeliveryError::NotYours.into();
    assert_eq!(store.execute(&pays(Some(courier(number)), PaymentMethod::Cash)), Err(refused));
    assert_eq!(store.log().len(), length);
}

#[test]
fn couriers_record_payments_of_their_own_deliveries_only() {
    let mut store = placed();
    not_theirs(&mut store, 1);
    delivery(&mut store, vec![scheduled()]);
    not_theirs(&mut store, 1);
    delivery(&mut store, vec![assigned(2)]);
    not_theirs(&mut store, 1);
    store.execute(&pays(Some(courier(2)), PaymentMethod::Cash)).unwrap();
    delivery(&mut store, vec![picked_up(2)]);
    store.execute(&pays(Some(courier(2)), PaymentMethod::Card)).unwrap();
    // A payment at the door is still recorded after the delivery is completed.
    let completed =
        DeliveryEvent::DeliveryCompleted { courier: courier(2), proof: Proof::Code, joint: true, at: now() };
    delivery(&mut store, vec![completed]);
    store.execute(&pays(Some(courier(2)), PaymentMethod::Cash)).unwrap();
    not_theirs(&mut store, 1);
    assert_eq!(store.placed(id()).paid, Cents(300));
}

#[test]
fn rejects_a_courier_whose_assignment_ended() {
    let mut store = placed();
    let failed = DeliveryEvent::DeliveryFailed {
        joint: true,
        courier: courier(1),
        reason: DeliveryFailure::Absent,
        at: now(),
        note: None,
    };
    delivery(&mut store, vec![scheduled(), assigned(1), picked_up(1), failed]);
    store.execute(&pays(Some(courier(1)), PaymentMethod::Cash)).unwrap();
    delivery(&mut store, vec![DeliveryEvent::DeliveryReturned { joint: true, at: now() }]);
    not_theirs(&mut store, 1);
}

#[test]
fn the_counter_records_any_payment_but_online() {
    let mut store = placed();
    store.execute(&pays(None, PaymentMethod::MealVoucher)).unwrap();
    let refused: Refusal = OrderError::MethodNotAllowed { method: PaymentMethod::Online }.into();
    assert_eq!(store.execute(&pays(None, PaymentMethod::Online)), Err(refused.clone()));
    delivery(&mut store, vec![scheduled(), assigned(1)]);
    assert_eq!(store.execute(&pays(Some(courier(1)), PaymentMethod::Online)), Err(refused));
}
