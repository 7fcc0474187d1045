//! Tests of use cases over one aggregate: its stream and its refusals.

use uuid::Uuid;

use super::*;
use crate::access::Role;
use crate::customer::{CustomerError, CustomerEvent};
use crate::menu::{MenuChanges, MenuError};
use crate::order::{Fulfilment, OnlinePayment, OrderChannel, OrderError, OrderEvent, PaymentIntent};
use crate::pizzeria::{PizzeriaError, PizzeriaEvent};
use crate::staff::{StaffError, StaffEvent};
use crate::testing::MemoryStore;
use crate::usecase::{Basket, BasketLine, Conditions, PlaceOrder};

fn order() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

/// Places a drink to take away, to be paid online.
fn place(store: &mut MemoryStore) {
    let line = BasketLine {
        item: "COLA".parse().unwrap(),
        size: None,
        quantity: 1,
        extras: Vec::new(),
        without: Vec::new(),
    };
    let use_case = PlaceOrder {
        order: order(),
        pizzeria: "P1".parse().unwrap(),
        basket: Basket { fulfilment: Fulfilment::Takeaway, lines: vec![line], place: None },
        channel: OrderChannel::Web,
        customer: None,
        contact: None,
        payment: PaymentIntent::Online,
        expected_total: None,
        conditions: Conditions::default(),
        now: MemoryStore::now(),
    };
    store.execute(&use_case).unwrap();
}

fn pay(outcome: OnlinePayment) -> ToOrder {
    let command = OrderCommand::PayOnline { outcome, now: MemoryStore::now() };
    ToOrder { name: "payOnline", order: order(), command }
}

#[test]
fn stores_and_refuses_a_declined_payment() {
    let mut store = MemoryStore::demo();
    place(&mut store);
    let reason = "FUNDS".to_owned();
    let amount = store.placed(order()).due();
    let declined = OrderEvent::PaymentDeclined { amount, reason: reason.clone(), at: MemoryStore::now() };
    assert_eq!(
        store.execute(&pay(OnlinePayment::Declined { reason: reason.clone() })),
        Ok(Decision {
            refusal: Some(OrderError::PaymentDeclined { reason }.into()),
            ..Decision::on(StreamId::order(order()), vec![declined])
        })
    );
}

#[test]
fn an_accepted_payment_is_not_refused() {
    let mut store = MemoryStore::demo();
    place(&mut store);
    let use_case = pay(OnlinePayment::Accepted { reference: "psp-7".into() });
    assert_eq!(use_case.name(), "payOnline");
    assert_eq!(store.execute(&use_case).unwrap().refusal, None);
    assert_eq!(store.placed(order()).due(), crate::money::Cents::ZERO);
}

#[test]
fn rejects_an_unknown_order() {
    let reference = "psp-7".to_owned();
    assert_eq!(
        MemoryStore::demo().execute(&pay(OnlinePayment::Accepted { reference })),
        Err(OrderError::NotFound.into())
    );
}

#[test]
fn pauses_a_pizzeria_on_its_own_stream() {
    let mut store = MemoryStore::demo();
    let pause = |pizzeria: &str| ToPizzeria {
        name: "pausePizzeria",
        pizzeria: pizzeria.parse().unwrap(),
        command: PizzeriaCommand::Pause { reason: "four".into(), until: None, now: MemoryStore::now() },
    };
    let paused = PizzeriaEvent::PizzeriaPaused { reason: "four".into(), until: None, at: MemoryStore::now() };
    let p1 = "P1".parse().unwrap();
    assert_eq!(store.execute(&pause("P1")), Ok(Decision::on(StreamId::pizzeria(&p1), vec![paused])));
    assert_eq!(pause("P1").name(), "pausePizzeria");
    assert!(store.pizzeria(&p1).is_paused(MemoryStore::now()));
    assert_eq!(store.execute(&pause("P9")), Err(PizzeriaError::NotFound.into()));
}

#[test]
fn refuses_an_empty_publication() {
    let command = MenuCommand::Publish { changes: Box::new(MenuChanges::default()), now: MemoryStore::now() };
    let use_case = ToMenu { command };
    assert_eq!(use_case.name(), "publishMenu");
    assert_eq!(MemoryStore::demo().execute(&use_case), Err(MenuError::NothingToPublish.into()));
}

#[test]
fn hires_on_the_members_own_stream_once() {
    let mut store = MemoryStore::demo();
    let (staff, role, pizzeria) = (StaffId(Uuid::from_u128(7)), Role::Courier, Some("P1".parse().unwrap()));
    let command = StaffCommand::Hire {
        staff,
        role,
        pizzeria: pizzeria.clone(),
        by: Role::System,
        other_directors: 0,
        now: MemoryStore::now(),
    };
    let hire = ToStaff { name: "hireStaff", staff, command };
    let hired = StaffEvent::StaffHired { staff, role, pizzeria, at: MemoryStore::now() };
    assert_eq!(store.execute(&hire), Ok(Decision::on(StreamId::staff(staff), vec![hired])));
    assert_eq!(store.execute(&hire), Err(StaffError::AlreadyHired.into()));
    assert_eq!(hire.name(), "hireStaff");
}

#[test]
fn registers_on_the_customers_own_stream_once() {
    let mut store = MemoryStore::demo();
    let customer = CustomerId(Uuid::from_u128(9));
    let command = CustomerCommand::Register { customer, now: MemoryStore::now() };
    let register = ToCustomer { name: "signUp", customer, command };
    let registered = CustomerEvent::CustomerRegistered { customer, at: MemoryStore::now() };
    assert_eq!(store.execute(&register), Ok(Decision::on(StreamId::customer(customer), vec![registered])));
    assert_eq!(store.execute(&register), Err(CustomerError::AlreadyRegistered.into()));
    assert_eq!(register.name(), "signUp");
}
