//! Tests of decide and evolve: given events, when a command, then events or a refusal.

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};
use crate::testing::given;

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn staff() -> StaffId {
    StaffId(Uuid::from_u128(7))
}

fn delivery(number: u128) -> DeliveryId {
    DeliveryId(Uuid::from_u128(number))
}

fn pizzeria(code: &str) -> PizzeriaId {
    code.parse().unwrap()
}

fn hired(role: Role, code: &str) -> StaffEvent {
    StaffEvent::StaffHired { staff: staff(), role, pizzeria: Some(pizzeria(code)), at: now() }
}

fn transferred(code: Option<&str>) -> StaffEvent {
    StaffEvent::StaffTransferred { pizzeria: code.map(pizzeria), at: now() }
}

fn changed(role: Role) -> StaffEvent {
    StaffEvent::RoleChanged { role, at: now() }
}

fn hire(role: Role, code: &str) -> StaffCommand {
    StaffCommand::Hire {
        staff: staff(),
        role,
        pizzeria: Some(pizzeria(code)),
        by: Role::Director,
        other_directors: 1,
        now: now(),
    }
}

fn revoke(other_directors: usize) -> StaffCommand {
    StaffCommand::Revoke { by: Role::Director, other_directors, now: now() }
}

fn update(field: AccountField) -> StaffCommand {
    StaffCommand::UpdateAccount { changed: [field].into(), now: now() }
}

fn updated(field: AccountField) -> StaffEvent {
    StaffEvent::StaffAccountUpdated { changed: [field].into(), at: now() }
}

fn revoked() -> StaffEvent {
    StaffEvent::StaffRevoked { at: now() }
}

fn taken(number: u128) -> StaffEvent {
    StaffEvent::DeliveryTaken { delivery: delivery(number), at: now() }
}

fn put_down(number: u128) -> StaffEvent {
    StaffEvent::DeliveryPutDown { delivery: delivery(number), at: now() }
}

fn take(number: u128, code: &str) -> StaffCommand {
    StaffCommand::Take { delivery: delivery(number), pizzeria: pizzeria(code), now: now() }
}

fn put(number: u128) -> StaffCommand {
    StaffCommand::PutDown { delivery: delivery(number), now: now() }
}

#[track_caller]
fn accepts(past: Vec<StaffEvent>, command: StaffCommand, expected: Vec<StaffEvent>) -> Staff {
    given::<Staff>(past).when(|staff| decide(staff, command)).then(expected)
}

#[track_caller]
fn refuses(past: Vec<StaffEvent>, command: StaffCommand, expected: StaffError) {
    given::<Staff>(past).when(|staff| decide(staff, command)).then_err(expected);
}

#[test]
fn hires_moves_and_rehires() {
    accepts(vec![], hire(Role::Courier, "P1"), vec![hired(Role::Courier, "P1")]);
    let past = || vec![hired(Role::Courier, "P1")];
    accepts(past(), hire(Role::Manager, "P1"), vec![changed(Role::Manager)]);
    accepts(past(), hire(Role::Courier, "P2"), vec![transferred(Some("P2"))]);
    let both = vec![transferred(Some("P2")), changed(Role::Manager)];
    let moved = accepts(past(), hire(Role::Manager, "P2"), both);
    assert_eq!(
        moved,
        given::<Staff>([past(), vec![hired(Role::Manager, "P2")]].concat()).state,
        "as release 0.1 stored it"
    );
    refuses(past(), hire(Role::Courier, "P1"), StaffError::AlreadyHired);
    let back = accepts(vec![hired(Role::Courier, "P1"), revoked()], hire(Role::Courier, "P1"), past());
    assert!(back.employed().is_some_and(|person| person.active));
}

#[test]
fn no_role_of_a_pizzeria_stands_without_one() {
    let StaffCommand::Hire { staff, by, other_directors, now, .. } = hire(Role::Director, "P1") else {
        panic!()
    };
    let role = Role::Director;
    let to_group = StaffCommand::Hire { staff, role, pizzeria: None, by, other_directors, now };
    let past = vec![hired(Role::Courier, "P1")];
    let promoted = vec![changed(Role::Director), transferred(None)];
    accepts(past.clone(), to_group, promoted.clone());
    let back = vec![transferred(Some("P2")), changed(Role::Manager)];
    accepts([past, promoted].concat(), hire(Role::Manager, "P2"), back);
}

#[test]
fn revokes_once() {
    let revoke = || revoke(1);
    let gone = accepts(vec![hired(Role::Courier, "P1")], revoke(), vec![revoked()]);
    assert!(gone.employed().is_some_and(|person| !person.active));
    refuses(vec![hired(Role::Courier, "P1"), revoked()], revoke(), StaffError::AlreadyRevoked);
    refuses(vec![], revoke(), StaffError::NotFound);
}

#[test]
fn keeps_the_last_director() {
    let past = || vec![hired(Role::Director, "P1")];
    refuses(past(), revoke(0), StaffError::LastDirector);
    accepts(past(), revoke(1), vec![revoked()]);
    let demote = |other_directors| StaffCommand::Hire {
        staff: staff(),
        role: Role::Manager,
        pizzeria: Some(pizzeria("P1")),
        by: Role::Director,
        other_directors,
        now: now(),
    };
    refuses(past(), demote(0), StaffError::LastDirector);
    accepts(past(), demote(1), vec![changed(Role::Manager)]);
    // A former director, or a person who never was one, is not the last director.
    accepts(vec![hired(Role::Director, "P1"), revoked()], demote(0), vec![hired(Role::Manager, "P1")]);
    accepts(vec![hired(Role::Courier, "P1")], revoke(0), vec![revoked()]);
}

#[test]
fn rejects_hiring_or_revoking_a_higher_role() {
    let by = Role::Manager;
    let hire = |role| StaffCommand::Hire {
        staff: staff(),
        role,
        pizzeria: Some(pizzeria("P1")),
        by,
        other_directors: 1,
        now: now(),
    };
    let revoke = || StaffCommand::Revoke { by, other_directors: 1, now: now() };
    accepts(vec![], hire(Role::Courier), vec![hired(Role::Courier, "P1")]);
    refuses(vec![], hire(Role::Manager), StaffError::RoleNotAllowed { by, role: Role::Manager });
    // A manager cannot demote a director, nor hire a customer.
    let director = || vec![hired(Role::Director, "P1")];
    refuses(director(), hire(Role::Courier), StaffError::RoleNotAllowed { by, role: Role::Director });
    refuses(director(), revoke(), StaffError::RoleNotAllowed { by, role: Role::Director });
    refuses(vec![], hire(Role::Customer), StaffError::RoleNotAllowed { by, role: Role::Customer });
    accepts(vec![hired(Role::Courier, "P1")], revoke(), vec![revoked()]);
}

#[test]
fn active_staff_manage_their_account() {
    let past = || vec![hired(Role::Courier, "P1")];
    let verify = || StaffCommand::VerifyEmail { now: now() };
    let verified = || StaffEvent::StaffEmailVerified { at: now() };
    accepts(past(), verify(), vec![verified()]);
    accepts([past(), vec![verified()]].concat(), verify(), vec![]);
    let moved = [past(), vec![verified(), updated(AccountField::Email)]].concat();
    accepts(moved, verify(), vec![verified()]);
    accepts(past(), update(AccountField::Name), vec![updated(AccountField::Name)]);
    let nothing = StaffCommand::UpdateAccount { changed: [].into(), now: now() };
    refuses(past(), nothing, StaffError::NothingToChange);
    let reset = || StaffCommand::ChangePassword { reset: true, now: now() };
    accepts(past(), reset(), vec![StaffEvent::StaffPasswordChanged { reset: true, at: now() }]);
    for command in [verify(), update(AccountField::Name), reset()] {
        refuses([past(), vec![revoked()]].concat(), command, StaffError::AlreadyRevoked);
    }
}

#[test]
fn only_active_couriers_of_the_pizzeria_take_deliveries() {
    accepts(vec![hired(Role::Courier, "P1")], take(1, "P1"), vec![taken(1)]);
    refuses(vec![], take(1, "P1"), StaffError::NotFound);
    for past in [
        vec![hired(Role::Courier, "P2")],
        vec![hired(Role::Manager, "P1")],
        vec![hired(Role::Courier, "P1"), revoked()],
    ] {
        refuses(past, take(1, "P1"), StaffError::NotACourier);
    }
}

#[test]
fn a_courier_carries_at_most_three() {
    let mut past = vec![hired(Role::Courier, "P1"), taken(1), taken(2)];
    accepts(past.clone(), take(3, "P1"), vec![taken(3)]);
    past.push(taken(3));
    refuses(past.clone(), take(4, "P1"), StaffError::Full { max: 3 });
    accepts(past.clone(), take(3, "P1"), vec![]);
    past.push(put_down(2));
    accepts(past, take(4, "P1"), vec![taken(4)]);
}

#[test]
fn puts_down_idempotently_and_after_leaving() {
    accepts(vec![hired(Role::Courier, "P1"), taken(1)], put(1), vec![put_down(1)]);
    accepts(vec![hired(Role::Courier, "P1"), taken(1)], put(2), vec![]);
    accepts(vec![hired(Role::Courier, "P1"), taken(1), revoked()], put(1), vec![put_down(1)]);
    refuses(vec![], put(1), StaffError::NotFound);
}

fn some_role() -> impl Strategy<Value = Role> {
    (0..Role::ALL.len()).prop_map(|index| Role::ALL[index])
}

fn some_event() -> impl Strategy<Value = StaffEvent> {
    prop_oneof![
        some_role().prop_map(|role| hired(role, "P1")),
        some_role().prop_map(changed),
        Just(transferred(Some("P2"))),
        Just(revoked()),
        Just(updated(AccountField::Email)),
        Just(StaffEvent::StaffEmailVerified { at: now() }),
        Just(StaffEvent::StaffPasswordChanged { reset: false, at: now() }),
        (0u128..6).prop_map(taken),
        (0u128..6).prop_map(put_down),
    ]
}

fn some_command() -> impl Strategy<Value = StaffCommand> {
    prop_oneof![
        1 => prop_oneof![Just(Role::Courier), some_role()].prop_map(|role| hire(role, "P1")),
        1 => Just(revoke(1)),
        1 => Just(StaffCommand::VerifyEmail { now: now() }),
        1 => Just(update(AccountField::Email)),
        5 => (0u128..6).prop_map(|number| take(number, "P1")),
        2 => (0u128..6).prop_map(put),
    ]
}

proptest! {
    #[test]
    fn evolve_is_total_over_any_events(events in vec(some_event(), 0..40)) {
        let hirings = events.iter().any(|event| matches!(event, StaffEvent::StaffHired { .. }));
        prop_assert_eq!(given::<Staff>(events).state.employed().is_some(), hirings);
    }

    #[test]
    fn carries_at_most_three_and_any_prefix_loads(commands in vec(some_command(), 0..40)) {
        let mut state = Staff::default();
        let mut history: Vec<StaffEvent> = Vec::new();
        for command in commands {
            for event in decide(&state, command).unwrap_or_default() {
                state.evolve(&event);
                history.push(serde_json::from_str(&serde_json::to_string(&event).unwrap()).unwrap());
                prop_assert_eq!(&given::<Staff>(history.clone()).state, &state);
            }
            prop_assert!(state.employed().is_none_or(|person| person.carrying.len() <= MAX_CARRIED));
            let snapshot = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Staff>(&snapshot).unwrap(), &state);
        }
    }
}
