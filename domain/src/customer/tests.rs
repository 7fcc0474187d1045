//! Tests of decide and evolve: given events, when a command, then events or a refusal.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::account::AccountField;
use crate::ids::CustomerId;
use crate::testing::given;

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn customer() -> CustomerId {
    CustomerId(Uuid::from_u128(7))
}

fn registered() -> CustomerEvent {
    CustomerEvent::CustomerRegistered { customer: customer(), at: now() }
}

fn verified() -> CustomerEvent {
    CustomerEvent::CustomerEmailVerified { at: now() }
}

fn updated(changed: &[AccountField]) -> CustomerEvent {
    CustomerEvent::CustomerAccountUpdated { changed: changed.iter().copied().collect(), at: now() }
}

fn password_changed(reset: bool) -> CustomerEvent {
    CustomerEvent::CustomerPasswordChanged { reset, at: now() }
}

fn erased() -> CustomerEvent {
    CustomerEvent::CustomerErased { at: now() }
}

fn register() -> CustomerCommand {
    CustomerCommand::Register { customer: customer(), now: now() }
}

fn verify() -> CustomerCommand {
    CustomerCommand::VerifyEmail { now: now() }
}

fn update(changed: &[AccountField]) -> CustomerCommand {
    CustomerCommand::Update { changed: changed.iter().copied().collect(), now: now() }
}

fn change_password(reset: bool) -> CustomerCommand {
    CustomerCommand::ChangePassword { reset, now: now() }
}

fn erase() -> CustomerCommand {
    CustomerCommand::Erase { now: now() }
}

#[track_caller]
fn accepts(past: Vec<CustomerEvent>, command: CustomerCommand, expected: Vec<CustomerEvent>) -> Customer {
    given::<Customer>(past).when(|customer| decide(customer, command)).then(expected)
}

#[track_caller]
fn refuses(past: Vec<CustomerEvent>, command: CustomerCommand, expected: CustomerError) {
    given::<Customer>(past).when(|customer| decide(customer, command)).then_err(expected);
}

#[test]
fn registers_a_customer_once() {
    let customer = accepts(vec![], register(), vec![registered()]);
    assert_eq!(customer.registered().map(|account| account.email_verified), Some(false));
    refuses(vec![registered()], register(), CustomerError::AlreadyRegistered);
    refuses(vec![registered(), erased()], register(), CustomerError::AlreadyErased);
}

#[test]
fn verifies_each_address_once() {
    let customer = accepts(vec![registered()], verify(), vec![verified()]);
    assert_eq!(customer.registered().map(|account| account.email_verified), Some(true));
    accepts(vec![registered(), verified()], verify(), vec![]);
    let moved = || vec![registered(), verified(), updated(&[AccountField::Email])];
    accepts(moved(), verify(), vec![verified()]);
    let phoned = vec![registered(), verified(), updated(&[AccountField::Phone])];
    accepts(phoned, verify(), vec![]);
}

#[test]
fn updates_name_the_changed_fields() {
    let fields = [AccountField::Name, AccountField::Address];
    accepts(vec![registered()], update(&fields), vec![updated(&fields)]);
    refuses(vec![registered()], update(&[]), CustomerError::NothingToChange);
}

#[test]
fn records_password_changes_and_resets() {
    for reset in [false, true] {
        accepts(vec![registered()], change_password(reset), vec![password_changed(reset)]);
    }
}

#[test]
fn erasure_is_final() {
    let gone = accepts(vec![registered(), verified()], erase(), vec![erased()]);
    assert_eq!(gone, Customer::Erased);
    for command in [verify(), update(&[AccountField::Name]), change_password(true), erase()] {
        refuses(vec![registered(), erased()], command, CustomerError::AlreadyErased);
    }
    for command in [verify(), update(&[AccountField::Name]), change_password(true)] {
        refuses(vec![], command, CustomerError::NotFound);
    }
    // An account older than its stream.
    assert_eq!(accepts(vec![], erase(), vec![erased()]), Customer::Erased);
}

fn some_fields() -> impl Strategy<Value = BTreeSet<AccountField>> {
    proptest::sample::subsequence(AccountField::ALL.to_vec(), 0..=AccountField::ALL.len())
        .prop_map(|fields| fields.into_iter().collect())
}

fn some_command() -> impl Strategy<Value = CustomerCommand> {
    prop_oneof![
        2 => Just(register()),
        3 => Just(verify()),
        3 => some_fields().prop_map(|changed| CustomerCommand::Update { changed, now: now() }),
        2 => any::<bool>().prop_map(change_password),
        1 => Just(erase()),
    ]
}

proptest! {
    #[test]
    fn any_prefix_of_any_history_loads(commands in vec(some_command(), 0..30)) {
        let mut state = Customer::default();
        let mut history: Vec<CustomerEvent> = Vec::new();
        for command in commands {
            for event in decide(&state, command).unwrap_or_default() {
                state.evolve(&event);
                history.push(serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
                prop_assert_eq!(&given::<Customer>(history.clone()).state, &state);
            }
            let snapshot = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Customer>(&snapshot).unwrap(), &state);
        }
        let erasures = history.iter().filter(|event| matches!(event, CustomerEvent::CustomerErased { .. }));
        prop_assert!(erasures.count() <= 1);
    }
}
