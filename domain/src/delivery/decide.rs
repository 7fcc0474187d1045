//! Decisions: the events that follow from a command, or its refusal. Pure; never looks at the courier's
//! stream, which [`crate::usecase::AssignDelivery`] decides together with this one.

use super::{
    Delivery, DeliveryCommand, DeliveryError, DeliveryEvent, DeliveryProgress, MAX_CODE_TRIES, Proof,
    ProofGiven, ScheduledDelivery,
};
use crate::ids::StaffId;

/// Returns the events that follow from a command. The steps that the order takes too are joint: the caller decides
/// the order's step with them ([`crate::usecase::ToDelivery`]). A wrong code is an event,
/// [`DeliveryEvent::WrongCodeGiven`], and completes nothing.
///
/// # Errors
/// A [`DeliveryError`] if the command is refused.
pub fn decide(state: &Delivery, command: DeliveryCommand) -> Result<Vec<DeliveryEvent>, DeliveryError> {
    let event = match command {
        DeliveryCommand::Schedule {
            delivery,
            order,
            number,
            pizzeria,
            customer,
            contact,
            distance_m,
            code,
            promised_at,
            now,
        } => {
            if state.scheduled().is_some() {
                return Err(DeliveryError::AlreadyScheduled);
            }
            DeliveryEvent::DeliveryScheduled {
                delivery,
                order,
                number,
                pizzeria,
                customer,
                contact,
                distance_m,
                code,
                promised_at,
                at: now,
            }
        }
        DeliveryCommand::Assign { courier, claimed, now } => {
            free(scheduled(state)?)?;
            DeliveryEvent::DeliveryAssigned { courier, claimed, at: now }
        }
        DeliveryCommand::Unassign { by, now } => {
            let courier = waiting(scheduled(state)?, by)?;
            DeliveryEvent::DeliveryUnassigned { courier, at: now }
        }
        DeliveryCommand::PickUp { by, now } => {
            let courier = waiting(scheduled(state)?, by)?;
            DeliveryEvent::DeliveryPickedUp { courier, joint: true, at: now }
        }
        DeliveryCommand::Complete { by, proof, now } => {
            let delivery = scheduled(state)?;
            let courier = under_way(delivery, by)?;
            match proven(delivery, proof)? {
                Some(proof) => DeliveryEvent::DeliveryCompleted { courier, proof, joint: true, at: now },
                None => DeliveryEvent::WrongCodeGiven { tries: delivery.wrong_codes + 1, at: now },
            }
        }
        DeliveryCommand::Fail { by, reason, now } => {
            let courier = under_way(scheduled(state)?, by)?;
            DeliveryEvent::DeliveryFailed { courier, reason, note: None, joint: true, at: now }
        }
        DeliveryCommand::Retry { by, now } => {
            failed(scheduled(state)?, by)?;
            DeliveryEvent::DeliveryRetryScheduled { at: now }
        }
        DeliveryCommand::Return { by, now } => {
            returnable(scheduled(state)?, by)?;
            DeliveryEvent::DeliveryReturned { joint: true, at: now }
        }
    };
    Ok(vec![event])
}

fn scheduled(state: &Delivery) -> Result<&ScheduledDelivery, DeliveryError> {
    state.scheduled().ok_or(DeliveryError::NotFound)
}

fn wrong_state(delivery: &ScheduledDelivery) -> DeliveryError {
    DeliveryError::WrongState { status: delivery.status() }
}

/// Checks that the actor is the courier, or a manager (`by` is `None`).
fn own(courier: StaffId, by: Option<StaffId>) -> Result<StaffId, DeliveryError> {
    if by.is_none_or(|by| by == courier) { Ok(courier) } else { Err(DeliveryError::NotYours) }
}

/// Waiting for a courier.
fn free(delivery: &ScheduledDelivery) -> Result<(), DeliveryError> {
    match delivery.progress {
        DeliveryProgress::Scheduled | DeliveryProgress::RetryScheduled { courier: None } => Ok(()),
        DeliveryProgress::Assigned { .. }
        | DeliveryProgress::PickedUp { .. }
        | DeliveryProgress::Failed { .. }
        | DeliveryProgress::RetryScheduled { courier: Some(_) } => Err(DeliveryError::AlreadyClaimed),
        DeliveryProgress::Delivered { .. } | DeliveryProgress::Returned { .. } => Err(wrong_state(delivery)),
    }
}

/// Returns the courier if they have it and have not left.
fn waiting(delivery: &ScheduledDelivery, by: Option<StaffId>) -> Result<StaffId, DeliveryError> {
    match delivery.progress {
        DeliveryProgress::Assigned { courier }
        | DeliveryProgress::RetryScheduled { courier: Some(courier) } => own(courier, by),
        DeliveryProgress::Scheduled
        | DeliveryProgress::RetryScheduled { courier: None }
        | DeliveryProgress::PickedUp { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::Failed { .. }
        | DeliveryProgress::Returned { .. } => Err(wrong_state(delivery)),
    }
}

/// Returns the courier if they have left with it.
fn under_way(delivery: &ScheduledDelivery, by: Option<StaffId>) -> Result<StaffId, DeliveryError> {
    match delivery.progress {
        DeliveryProgress::PickedUp { courier } => own(courier, by),
        DeliveryProgress::Scheduled
        | DeliveryProgress::Assigned { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::Failed { .. }
        | DeliveryProgress::RetryScheduled { .. }
        | DeliveryProgress::Returned { .. } => Err(wrong_state(delivery)),
    }
}

/// Returns the courier if delivery failed and they still have it.
fn failed(delivery: &ScheduledDelivery, by: Option<StaffId>) -> Result<StaffId, DeliveryError> {
    match delivery.progress {
        DeliveryProgress::Failed { courier, .. } => own(courier, by),
        DeliveryProgress::Scheduled
        | DeliveryProgress::Assigned { .. }
        | DeliveryProgress::PickedUp { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::RetryScheduled { .. }
        | DeliveryProgress::Returned { .. } => Err(wrong_state(delivery)),
    }
}

/// Checks that delivery failed at least once and it is not under way. Only a manager returns one without a
/// courier.
fn returnable(delivery: &ScheduledDelivery, by: Option<StaffId>) -> Result<(), DeliveryError> {
    match delivery.progress {
        DeliveryProgress::Failed { courier, .. }
        | DeliveryProgress::RetryScheduled { courier: Some(courier) } => own(courier, by).map(|_| ()),
        DeliveryProgress::RetryScheduled { courier: None } if by.is_none() => Ok(()),
        DeliveryProgress::RetryScheduled { courier: None } => Err(DeliveryError::NotYours),
        DeliveryProgress::Scheduled
        | DeliveryProgress::Assigned { .. }
        | DeliveryProgress::PickedUp { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::Returned { .. } => Err(wrong_state(delivery)),
    }
}

/// Returns the proof as stored; `None` for a wrong code.
fn proven(delivery: &ScheduledDelivery, proof: ProofGiven) -> Result<Option<Proof>, DeliveryError> {
    match proof {
        ProofGiven::ReceivedBy(contact) => Ok(Some(Proof::ReceivedBy { contact })),
        ProofGiven::Photo(contact) => Ok(Some(Proof::Photo { contact })),
        ProofGiven::Code { given, derived } => {
            let valid = delivery.code.as_ref().map_or(derived.as_slice(), std::slice::from_ref);
            if valid.is_empty() || delivery.wrong_codes >= MAX_CODE_TRIES {
                return Err(DeliveryError::BadCode { tries_left: 0 });
            }
            Ok(valid.contains(&given).then_some(Proof::Code))
        }
    }
}
