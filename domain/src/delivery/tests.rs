//! Tests of decide and evolve: given events, when a command, then events or a refusal.

mod properties;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::*;
use crate::ids::{ContactId, DeliveryId, OrderId, PizzeriaId, StaffId};
use crate::testing::given;

const CODE: &str = "4711";

fn now() -> DateTime<Utc> {
    DateTime::<Utc>::UNIX_EPOCH + TimeDelta::days(20_000)
}

fn courier(number: u128) -> StaffId {
    StaffId(Uuid::from_u128(number))
}

fn order() -> OrderId {
    OrderId(Uuid::from_u128(1))
}

fn pizzeria() -> PizzeriaId {
    "P1".parse().unwrap()
}

fn contact() -> ContactId {
    ContactId(Uuid::from_u128(8))
}

fn scheduled_with(code: Option<&str>) -> DeliveryEvent {
    DeliveryEvent::DeliveryScheduled {
        delivery: DeliveryId::of(order()),
        order: order(),
        number: "P1-000001".into(),
        pizzeria: pizzeria(),
        customer: None,
        contact: Some(contact()),
        distance_m: Some(1_200),
        code: code.map(str::to_owned),
        promised_at: now(),
        at: now(),
    }
}

fn scheduled() -> DeliveryEvent {
    scheduled_with(Some(CODE))
}

fn schedule() -> DeliveryCommand {
    DeliveryCommand::Schedule {
        delivery: DeliveryId::of(order()),
        order: order(),
        number: "P1-000001".into(),
        pizzeria: pizzeria(),
        customer: None,
        contact: Some(contact()),
        distance_m: Some(1_200),
        code: Some(CODE.into()),
        promised_at: now(),
        now: now(),
    }
}

fn assigned(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryAssigned { courier: courier(number), claimed: true, at: now() }
}

fn unassigned(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryUnassigned { courier: courier(number), at: now() }
}

fn picked_up(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryPickedUp { courier: courier(number), joint: true, at: now() }
}

fn completed(number: u128, proof: Proof) -> DeliveryEvent {
    DeliveryEvent::DeliveryCompleted { courier: courier(number), proof, joint: true, at: now() }
}

fn failed(number: u128) -> DeliveryEvent {
    DeliveryEvent::DeliveryFailed {
        joint: true,
        courier: courier(number),
        reason: DeliveryFailure::Absent,
        at: now(),
        note: None,
    }
}

fn retried() -> DeliveryEvent {
    DeliveryEvent::DeliveryRetryScheduled { at: now() }
}

fn returned() -> DeliveryEvent {
    DeliveryEvent::DeliveryReturned { joint: true, at: now() }
}

fn wrong_code(tries: u32) -> DeliveryEvent {
    DeliveryEvent::WrongCodeGiven { tries, at: now() }
}

fn assign(number: u128) -> DeliveryCommand {
    DeliveryCommand::Assign { courier: courier(number), claimed: true, now: now() }
}

fn complete(by: Option<StaffId>, proof: ProofGiven) -> DeliveryCommand {
    DeliveryCommand::Complete { by, proof, now: now() }
}

fn code(digits: &str) -> ProofGiven {
    ProofGiven::Code { given: digits.into(), derived: Vec::new() }
}

/// Returns the commands that a courier may give for their own delivery.
fn own_commands(by: Option<StaffId>) -> [(&'static str, DeliveryCommand); 6] {
    [
        ("unassign", DeliveryCommand::Unassign { by, now: now() }),
        ("pick up", DeliveryCommand::PickUp { by, now: now() }),
        ("complete", complete(by, code(CODE))),
        ("fail", DeliveryCommand::Fail { by, reason: DeliveryFailure::Absent, now: now() }),
        ("retry", DeliveryCommand::Retry { by, now: now() }),
        ("return", DeliveryCommand::Return { by, now: now() }),
    ]
}

/// Returns a history for each state, with a retry that has a courier and one that has none.
fn histories() -> Vec<(DeliveryStatus, Vec<DeliveryEvent>)> {
    let under_way = vec![scheduled(), assigned(1), picked_up(1)];
    let and = |past: &[DeliveryEvent], more: &[DeliveryEvent]| [past, more].concat();
    vec![
        (DeliveryStatus::Scheduled, vec![scheduled()]),
        (DeliveryStatus::Assigned, vec![scheduled(), assigned(1)]),
        (DeliveryStatus::PickedUp, under_way.clone()),
        (DeliveryStatus::Delivered, and(&under_way, &[completed(1, Proof::Code)])),
        (DeliveryStatus::Failed, and(&under_way, &[failed(1)])),
        (DeliveryStatus::RetryScheduled, and(&under_way, &[failed(1), retried()])),
        (DeliveryStatus::RetryScheduled, and(&under_way, &[failed(1), retried(), unassigned(1)])),
        (DeliveryStatus::Returned, and(&under_way, &[failed(1), returned()])),
    ]
}

#[track_caller]
fn accepts(past: Vec<DeliveryEvent>, command: DeliveryCommand, expected: DeliveryEvent) -> Delivery {
    given::<Delivery>(past).when(|delivery| decide(delivery, command)).then([expected])
}

#[track_caller]
fn refuses(past: Vec<DeliveryEvent>, command: DeliveryCommand, expected: DeliveryError) {
    given::<Delivery>(past).when(|delivery| decide(delivery, command)).then_err(expected);
}

fn status(state: &Delivery) -> Option<DeliveryStatus> {
    state.scheduled().map(ScheduledDelivery::status)
}

#[test]
fn schedules_once() {
    let state = accepts(vec![], schedule(), scheduled());
    assert_eq!(status(&state), Some(DeliveryStatus::Scheduled));
    refuses(vec![scheduled()], schedule(), DeliveryError::AlreadyScheduled);
}

#[test]
fn rejects_commands_before_scheduling() {
    refuses(vec![], assign(1), DeliveryError::NotFound);
    for (_, command) in own_commands(Some(courier(1))) {
        refuses(vec![], command, DeliveryError::NotFound);
    }
}

#[test]
fn every_state_allows_exactly_its_commands() {
    let allowed = [
        "",                        // scheduled
        "unassign pick up",        // assigned
        "complete fail",           // picked up
        "",                        // delivered
        "retry return",            // failed
        "unassign pick up return", // retry scheduled
        "return",                  // retry scheduled, without a courier
        "",                        // returned
    ];
    for ((expected, past), allowed) in histories().into_iter().zip(allowed) {
        assert_eq!(status(&given::<Delivery>(past.clone()).state), Some(expected));
        for by in [None, Some(courier(1))] {
            for (name, command) in own_commands(by) {
                if name == "return" && by.is_some() && allowed == "return" {
                    // Only a manager returns one without a courier.
                    refuses(past.clone(), command, DeliveryError::NotYours);
                } else if allowed.contains(name) {
                    assert!(
                        decide(&given::<Delivery>(past.clone()).state, command).is_ok(),
                        "{name} {expected:?}"
                    );
                } else {
                    refuses(past.clone(), command, DeliveryError::WrongState { status: expected });
                }
            }
        }
    }
}

#[test]
fn rejects_another_courier() {
    for (_, past) in histories() {
        let state = given::<Delivery>(past).state;
        let has_courier = state.scheduled().and_then(ScheduledDelivery::courier).is_some();
        for ((name, own), (_, others)) in
            own_commands(Some(courier(1))).into_iter().zip(own_commands(Some(courier(2))))
        {
            match decide(&state, own) {
                Ok(_) if has_courier => {
                    assert_eq!(decide(&state, others), Err(DeliveryError::NotYours), "{name}")
                }
                own => assert_eq!(decide(&state, others), own, "{name}"),
            }
        }
    }
}

#[test]
fn rejects_a_second_claim() {
    let state = accepts(vec![scheduled()], assign(1), assigned(1));
    assert_eq!(state.scheduled().and_then(ScheduledDelivery::courier), Some(courier(1)));
    for (status, past) in histories() {
        let expected = match status {
            DeliveryStatus::Scheduled => continue,
            DeliveryStatus::RetryScheduled if past.contains(&unassigned(1)) => continue,
            DeliveryStatus::Delivered | DeliveryStatus::Returned => DeliveryError::WrongState { status },
            DeliveryStatus::Assigned
            | DeliveryStatus::PickedUp
            | DeliveryStatus::Failed
            | DeliveryStatus::RetryScheduled => DeliveryError::AlreadyClaimed,
        };
        refuses(past.clone(), assign(2), expected.clone());
        refuses(past, assign(1), expected);
    }
}

#[test]
fn delivers_from_scheduling_to_completion() {
    let by = Some(courier(1));
    let mut past = vec![scheduled(), assigned(1)];
    accepts(past.clone(), DeliveryCommand::PickUp { by, now: now() }, picked_up(1));
    past.push(picked_up(1));
    let state = accepts(past, complete(by, code(CODE)), completed(1, Proof::Code));
    let delivery = state.scheduled().unwrap();
    assert_eq!((delivery.status(), delivery.attempts), (DeliveryStatus::Delivered, 1));
    assert_eq!(delivery.ended_at, Some(now()));
}

#[test]
fn unassigns_before_pick_up() {
    let past = vec![scheduled(), assigned(1)];
    let state = accepts(past, DeliveryCommand::Unassign { by: Some(courier(1)), now: now() }, unassigned(1));
    assert_eq!(status(&state), Some(DeliveryStatus::Scheduled));
    accepts(vec![scheduled(), assigned(1), unassigned(1)], assign(2), assigned(2));
}

#[test]
fn retries_or_returns_a_failed_delivery() {
    let by = Some(courier(1));
    let mut past = vec![scheduled(), assigned(1), picked_up(1)];
    accepts(
        past.clone(),
        DeliveryCommand::Fail { by, reason: DeliveryFailure::Absent, now: now() },
        failed(1),
    );
    past.push(failed(1));
    accepts(past.clone(), DeliveryCommand::Retry { by, now: now() }, retried());
    accepts(past.clone(), DeliveryCommand::Return { by, now: now() }, returned());
    past.push(retried());
    accepts(past.clone(), DeliveryCommand::PickUp { by, now: now() }, picked_up(1));
    accepts(past.clone(), DeliveryCommand::Unassign { by, now: now() }, unassigned(1));
    past.push(unassigned(1));
    accepts(past.clone(), assign(2), assigned(2));
    past.push(assigned(2));
    let state = accepts(past, DeliveryCommand::PickUp { by: Some(courier(2)), now: now() }, picked_up(2));
    assert_eq!(state.scheduled().map(|delivery| delivery.attempts), Some(2));
}

#[test]
fn accepts_a_name_or_a_photograph_as_proof() {
    let past = || vec![scheduled(), assigned(1), picked_up(1)];
    let by = Some(courier(1));
    let (name, photo) = (Proof::ReceivedBy { contact: contact() }, Proof::Photo { contact: contact() });
    accepts(past(), complete(by, ProofGiven::ReceivedBy(contact())), completed(1, name));
    accepts(past(), complete(None, ProofGiven::Photo(contact())), completed(1, photo));
}

#[test]
fn rejects_codes_after_five_wrong_ones() {
    let by = Some(courier(1));
    let mut past = vec![scheduled(), assigned(1), picked_up(1)];
    for tries in 1..=5 {
        accepts(past.clone(), complete(by, code(CODE)), completed(1, Proof::Code));
        accepts(past.clone(), complete(by, code("0000")), wrong_code(tries));
        past.push(wrong_code(tries));
    }
    refuses(past.clone(), complete(by, code("0000")), DeliveryError::BadCode { tries_left: 0 });
    refuses(past.clone(), complete(by, code(CODE)), DeliveryError::BadCode { tries_left: 0 });
    let photo = Proof::Photo { contact: contact() };
    accepts(past, complete(by, ProofGiven::Photo(contact())), completed(1, photo));
}

#[test]
fn rejects_a_code_for_a_delivery_without_one() {
    let past = vec![scheduled_with(None), assigned(1), picked_up(1)];
    refuses(past, complete(Some(courier(1)), code("")), DeliveryError::BadCode { tries_left: 0 });
}

#[test]
fn compares_with_the_stored_code_or_else_with_the_derived_ones() {
    let on_the_way = |code| vec![scheduled_with(code), assigned(1), picked_up(1)];
    let proof =
        |given: &str| ProofGiven::Code { given: given.into(), derived: vec!["1111".into(), "2222".into()] };
    let by = Some(courier(1));
    for valid in ["1111", "2222"] {
        accepts(on_the_way(None), complete(by, proof(valid)), completed(1, Proof::Code));
        accepts(on_the_way(Some(CODE)), complete(by, proof(valid)), wrong_code(1));
    }
    accepts(on_the_way(None), complete(by, proof("3333")), wrong_code(1));
    accepts(on_the_way(Some(CODE)), complete(by, proof(CODE)), completed(1, Proof::Code));
}
