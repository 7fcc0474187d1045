//! Tests of deliveries with their couriers and orders, over the demo's pizzerias.

mod tracking;

use std::collections::BTreeMap;

use chrono::TimeDelta;
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::access::Role;
use crate::delivery::{Delivery, DeliveryStatus, Proof, ProofGiven};
use crate::event::Event;
use crate::ids::{ContactId, PizzeriaId};
use crate::menu::PizzaSize;
use crate::order::{OrderChannel, OrderEvent, PaymentIntent};
use crate::pizzeria::Place;
use crate::policies;
use crate::staff::StaffEvent;
use crate::stream::AggregateState;
use crate::testing::MemoryStore;
use crate::usecase::{
    Basket, BasketLine, Conditions, PlaceOrder, RecordPayment, StartPreparation, ToOrder, ToStaff,
};

const CODE: &str = "4711";

fn now() -> DateTime<Utc> {
    MemoryStore::now()
}

fn order(number: u128) -> OrderId {
    OrderId(Uuid::from_u128(number))
}

fn delivery(number: u128) -> DeliveryId {
    DeliveryId::of(order(number))
}

fn staff(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(0xC0 + number))
}

fn pizzeria(code: &str) -> PizzeriaId {
    code.parse().unwrap()
}

fn hire(store: &mut MemoryStore, number: u128, role: Role, code: &str) {
    let command = StaffCommand::Hire {
        staff: staff(number),
        role,
        pizzeria: Some(pizzeria(code)),
        by: Role::System,
        other_directors: 0,
        now: now(),
    };
    store.execute(&ToStaff { name: "hireStaff", staff: staff(number), command }).unwrap();
}

/// Returns the demo with two couriers at P1.
fn store() -> MemoryStore {
    let mut store = MemoryStore::demo();
    hire(&mut store, 1, Role::Courier, "P1");
    hire(&mut store, 2, Role::Courier, "P1");
    store
}

fn place(store: &mut MemoryStore, number: u128, fulfilment: Fulfilment) {
    let line = BasketLine {
        item: "MAR".parse().unwrap(),
        size: Some(PizzaSize::M),
        quantity: 2,
        extras: Vec::new(),
        without: Vec::new(),
    };
    let place = Place::from_degrees(48.895, 2.345).unwrap();
    let use_case = PlaceOrder {
        order: order(number),
        pizzeria: pizzeria("P1"),
        basket: Basket { fulfilment, lines: vec![line], place: Some(place) },
        channel: OrderChannel::Phone,
        customer: None,
        contact: Some(ContactId(Uuid::from_u128(number))),
        payment: match fulfilment {
            Fulfilment::Delivery => PaymentIntent::OnDelivery,
            Fulfilment::Takeaway | Fulfilment::OnSite => PaymentIntent::AtCounter,
        },
        expected_total: None,
        conditions: Conditions::default(),
        now: now(),
    };
    store.execute(&use_case).unwrap();
}

fn make(store: &mut MemoryStore, number: u128) {
    store.execute(&StartPreparation { by: None, order: order(number), now: now() }).unwrap();
    let command = OrderCommand::MarkReady { now: now() };
    store.execute(&ToOrder { name: "markOrderReady", order: order(number), command }).unwrap();
}

/// Adds a ready order with a scheduled delivery.
fn ready(store: &mut MemoryStore, number: u128) {
    place(store, number, Fulfilment::Delivery);
    make(store, number);
    store.execute(&ScheduleDelivery { order: order(number), now: now() }).unwrap();
}

fn claim(number: u128, by: u128) -> AssignDelivery {
    AssignDelivery { delivery: delivery(number), courier: staff(by), claimed: true, now: now() }
}

fn to_delivery(number: u128, command: DeliveryCommand) -> ToDelivery {
    ToDelivery { name: "test", delivery: delivery(number), command }
}

fn proof(digits: &str) -> ProofGiven {
    ProofGiven::Code { given: digits.into(), derived: vec![CODE.into()] }
}

fn code(digits: &str) -> DeliveryCommand {
    DeliveryCommand::Complete { by: None, proof: proof(digits), now: now() }
}

fn pick_up() -> DeliveryCommand {
    DeliveryCommand::PickUp { by: None, now: now() }
}

fn fail() -> DeliveryCommand {
    DeliveryCommand::Fail { by: None, reason: DeliveryFailure::Absent, now: now() }
}

fn carrying(store: &MemoryStore, number: u128) -> Vec<DeliveryId> {
    match store.state(&StreamId::staff(staff(number))) {
        AggregateState::Staff(state) => {
            state.employed().map(|person| person.carrying.iter().copied().collect()).unwrap_or_default()
        }
        other => panic!("{other:?}"),
    }
}

fn state(store: &MemoryStore, number: u128) -> Delivery {
    match store.state(&StreamId::delivery(delivery(number))) {
        AggregateState::Delivery(state) => state,
        other => panic!("{other:?}"),
    }
}

#[test]
fn schedules_a_ready_order_once() {
    let mut store = store();
    ready(&mut store, 1);
    let placed = store.placed(order(1));
    let state = state(&store, 1);
    let scheduled = state.scheduled().unwrap();
    assert_eq!((scheduled.id, scheduled.order), (delivery(1), order(1)));
    assert_eq!((scheduled.number.as_str(), scheduled.pizzeria.as_str()), ("P1-000001", "P1"));
    assert_eq!((scheduled.contact, scheduled.customer), (placed.contact, None));
    assert_eq!((scheduled.code.as_deref(), scheduled.distance_m), (None, placed.distance_m));
    assert!(scheduled.distance_m.is_some());
    assert_eq!(scheduled.promised_at, placed.promised_at());
    assert_eq!(
        store.execute(&ScheduleDelivery { order: order(1), now: now() }),
        Err(DeliveryError::AlreadyScheduled.into())
    );
}

#[test]
fn rejects_orders_that_are_not_ready_for_delivery() {
    let mut store = store();
    let schedule = ScheduleDelivery { order: order(1), now: now() };
    assert_eq!(store.execute(&schedule), Err(OrderError::NotFound.into()));
    place(&mut store, 1, Fulfilment::Delivery);
    let wrong = OrderError::WrongState { status: OrderStatus::Placed };
    assert_eq!(store.execute(&schedule), Err(wrong.into()));
    place(&mut store, 2, Fulfilment::Takeaway);
    make(&mut store, 2);
    let wrong = OrderError::WrongState { status: OrderStatus::Ready };
    assert_eq!(store.execute(&ScheduleDelivery { order: order(2), now: now() }), Err(wrong.into()));
}

#[test]
fn claims_write_both_streams_and_reject_a_second_courier() {
    let mut store = store();
    ready(&mut store, 1);
    let at = now();
    let assigned = DeliveryEvent::DeliveryAssigned { courier: staff(1), claimed: true, at };
    let taken = StaffEvent::DeliveryTaken { delivery: delivery(1), at };
    assert_eq!(
        store.execute(&claim(1, 1)),
        Ok(Decision::on(StreamId::delivery(delivery(1)), vec![assigned])
            .and(StreamId::staff(staff(1)), vec![taken]))
    );
    for by in [1, 2, 99] {
        assert_eq!(store.execute(&claim(1, by)), Err(DeliveryError::AlreadyClaimed.into()));
    }
    assert_eq!(claim(1, 1).name(), "claimDelivery");
    assert_eq!(AssignDelivery { claimed: false, ..claim(1, 1) }.name(), "assignDelivery");
}

#[test]
fn assigns_only_to_couriers_of_the_pizzeria_with_capacity() {
    let mut store = store();
    hire(&mut store, 3, Role::Courier, "P2");
    hire(&mut store, 4, Role::Manager, "P1");
    for number in 1..=4 {
        ready(&mut store, number);
    }
    assert_eq!(store.execute(&claim(9, 1)), Err(DeliveryError::NotFound.into()));
    for by in [3, 4, 99] {
        let unknown = DeliveryError::UnknownCourier { courier: staff(by) };
        assert_eq!(store.execute(&claim(1, by)), Err(unknown.into()));
    }
    for number in 1..=3 {
        store.execute(&claim(number, 1)).unwrap();
    }
    let full = DeliveryError::CourierFull { max: 3 };
    assert_eq!(store.execute(&claim(4, 1)), Err(full.clone().into()));
    // An assignment sent as a plain command obeys the same rule.
    let assign = DeliveryCommand::Assign { courier: staff(1), claimed: false, now: now() };
    assert_eq!(store.execute(&to_delivery(4, assign)), Err(full.into()));
    store.execute(&to_delivery(2, DeliveryCommand::Unassign { by: None, now: now() })).unwrap();
    store.execute(&claim(4, 1)).unwrap();
    assert_eq!(carrying(&store, 1).len(), 3);
}

#[test]
fn ending_an_assignment_updates_the_courier() {
    let mut store = store();
    ready(&mut store, 1);
    let held = vec![delivery(1)];
    store.execute(&claim(1, 1)).unwrap();
    store.execute(&to_delivery(1, DeliveryCommand::Unassign { by: Some(staff(1)), now: now() })).unwrap();
    assert_eq!(carrying(&store, 1), vec![]);
    store.execute(&claim(1, 1)).unwrap();
    for command in [pick_up(), fail(), DeliveryCommand::Retry { by: None, now: now() }] {
        store.execute(&to_delivery(1, command)).unwrap();
        assert_eq!(carrying(&store, 1), held);
    }
    store.execute(&to_delivery(1, DeliveryCommand::Return { by: None, now: now() })).unwrap();
    assert_eq!(carrying(&store, 1), vec![]);

    ready(&mut store, 2);
    store.execute(&claim(2, 2)).unwrap();
    store.execute(&to_delivery(2, pick_up())).unwrap();
    let at = now();
    let completed =
        DeliveryEvent::DeliveryCompleted { courier: staff(2), proof: Proof::Code, joint: true, at };
    let put_down = StaffEvent::DeliveryPutDown { delivery: delivery(2), at };
    assert_eq!(
        store.execute(&to_delivery(2, code(CODE))),
        Ok(Decision::on(StreamId::delivery(delivery(2)), vec![completed])
            .and(StreamId::order(order(2)), vec![OrderEvent::OrderDelivered { at }])
            .and(StreamId::staff(staff(2)), vec![put_down]))
    );
    assert_eq!(carrying(&store, 2), vec![]);
}

#[test]
fn returns_a_delivery_without_a_courier() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    for command in [
        pick_up(),
        fail(),
        DeliveryCommand::Retry { by: None, now: now() },
        DeliveryCommand::Unassign { by: None, now: now() },
    ] {
        store.execute(&to_delivery(1, command)).unwrap();
    }
    let returned = DeliveryEvent::DeliveryReturned { joint: true, at: now() };
    assert_eq!(
        store.execute(&to_delivery(1, DeliveryCommand::Return { by: None, now: now() })),
        Ok(Decision::on(StreamId::delivery(delivery(1)), vec![returned])
            .and(StreamId::order(order(1)), vec![OrderEvent::OrderReturned { at: now() }]))
    );
}

#[test]
fn stores_a_wrong_code_and_reports_the_tries_left() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    store.execute(&to_delivery(1, pick_up())).unwrap();
    for tries in 1..=5 {
        let wrong = DeliveryEvent::WrongCodeGiven { tries, at: now() };
        let expected = Decision {
            refusal: Some(DeliveryError::BadCode { tries_left: 5 - tries }.into()),
            ..Decision::on(StreamId::delivery(delivery(1)), vec![wrong])
        };
        assert_eq!(store.execute(&to_delivery(1, code("0000"))), Ok(expected));
    }
    let none_left = DeliveryError::BadCode { tries_left: 0 };
    assert_eq!(store.execute(&to_delivery(1, code(CODE))), Err(none_left.into()));
    assert_eq!(carrying(&store, 1), vec![delivery(1)]);
}

#[test]
fn completes_an_online_order_only_once_paid() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    store.execute(&to_delivery(1, pick_up())).unwrap();
    // Started although unpaid, by an earlier program version, and paid in part.
    let AggregateState::Order(Order::Placed(mut placed)) = store.state(&StreamId::order(order(1))) else {
        panic!("not placed");
    };
    placed.payment = PaymentIntent::Online;
    let due = placed.due();
    store.replace(&StreamId::order(order(1)), AggregateState::Order(Order::Placed(placed)));
    let length = store.log().len();
    let not_paid: Refusal = OrderError::NotPaid { due }.into();
    assert_eq!(store.execute(&to_delivery(1, code(CODE))), Err(not_paid));
    assert_eq!(store.log().len(), length);
    let method = order::PaymentMethod::Cash;
    let paid = RecordPayment { order: order(1), method, amount: due, by: Some(staff(1)), now: now() };
    store.execute(&paid).unwrap();
    store.execute(&to_delivery(1, code(CODE))).unwrap();
    assert_eq!(state(&store, 1).scheduled().map(ScheduledDelivery::status), Some(DeliveryStatus::Delivered));
}

#[test]
fn rejects_another_couriers_delivery() {
    let mut store = store();
    ready(&mut store, 1);
    store.execute(&claim(1, 1)).unwrap();
    let length = store.log().len();
    let command = DeliveryCommand::PickUp { by: Some(staff(2)), now: now() };
    assert_eq!(store.execute(&to_delivery(1, command)), Err(DeliveryError::NotYours.into()));
    assert_eq!(store.log().len(), length);
}

/// Generates a command to one of five deliveries, by or for one of two couriers.
fn some_step() -> impl Strategy<Value = (u128, DeliveryCommand)> {
    let by = || proptest::option::of((1u128..3).prop_map(staff));
    let command = prop_oneof![
        6 => (1u128..3).prop_map(|number| DeliveryCommand::Assign { courier: staff(number), claimed: true, now: now() }),
        1 => by().prop_map(|by| DeliveryCommand::Unassign { by, now: now() }),
        3 => by().prop_map(|by| DeliveryCommand::PickUp { by, now: now() }),
        2 => by().prop_map(|by| DeliveryCommand::Complete { by, proof: proof(CODE), now: now() }),
        2 => by().prop_map(|by| DeliveryCommand::Fail { by, reason: DeliveryFailure::Other, now: now() }),
        2 => by().prop_map(|by| DeliveryCommand::Retry { by, now: now() }),
        1 => by().prop_map(|by| DeliveryCommand::Return { by, now: now() }),
    ];
    (1u128..6, command)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn couriers_carry_at_most_three_of_their_own_deliveries(steps in vec(some_step(), 0..60)) {
        let mut store = store();
        for number in 1..6 {
            ready(&mut store, number);
        }
        for (number, command) in steps {
            let _ = store.execute(&to_delivery(number, command));
            let mut held: BTreeMap<StaffId, Vec<DeliveryId>> = BTreeMap::new();
            for number in 1..6 {
                let state = state(&store, number);
                let scheduled = state.scheduled().unwrap();
                if let Some(courier) = scheduled.courier().filter(|_| !scheduled.status().is_closed()) {
                    held.entry(courier).or_default().push(scheduled.id);
                }
            }
            for number in 1..3 {
                let carried = carrying(&store, number);
                prop_assert!(carried.len() <= 3);
                let mut expected = held.remove(&staff(number)).unwrap_or_default();
                expected.sort();
                prop_assert_eq!(carried, expected);
            }
        }
    }
}
