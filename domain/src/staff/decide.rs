//! Decisions: the events that follow from a command, or its refusal. Pure; never changes the state.

use chrono::{DateTime, Utc};

use super::{Employed, MAX_CARRIED, Staff, StaffCommand, StaffError, StaffEvent};
use crate::access::Role;
use crate::ids::PizzeriaId;

/// Returns the events that follow from a command.
///
/// # Errors
/// A [`StaffError`] if the command is refused.
pub fn decide(state: &Staff, command: StaffCommand) -> Result<Vec<StaffEvent>, StaffError> {
    match command {
        StaffCommand::Hire { staff, role, pizzeria, by, other_directors, now } => {
            may_manage(by, role)?;
            let held = state.employed().filter(|held| held.active);
            if let Some(held) = held {
                may_manage(by, held.role)?;
                if (held.role, &held.pizzeria) == (role, &pizzeria) {
                    return Err(StaffError::AlreadyHired);
                }
            }
            if role != Role::Director {
                keeps_a_director(state, other_directors)?;
            }
            Ok(match held {
                Some(held) => moved(held, role, pizzeria, now),
                None => vec![StaffEvent::StaffHired { staff, role, pizzeria, at: now }],
            })
        }
        StaffCommand::Revoke { by, other_directors, now } => {
            may_manage(by, employed(state)?.role)?;
            active(state)?;
            keeps_a_director(state, other_directors)?;
            Ok(vec![StaffEvent::StaffRevoked { at: now }])
        }
        StaffCommand::Take { delivery, pizzeria, now } => {
            let courier = employed(state)?;
            if !is_courier_of(courier, &pizzeria) {
                return Err(StaffError::NotACourier);
            }
            if courier.carrying.contains(&delivery) {
                return Ok(Vec::new());
            }
            if courier.carrying.len() >= MAX_CARRIED {
                return Err(StaffError::Full { max: MAX_CARRIED });
            }
            Ok(vec![StaffEvent::DeliveryTaken { delivery, at: now }])
        }
        StaffCommand::UpdateAccount { changed, now } => {
            active(state)?;
            if changed.is_empty() {
                return Err(StaffError::NothingToChange);
            }
            Ok(vec![StaffEvent::StaffAccountUpdated { changed, at: now }])
        }
        StaffCommand::VerifyEmail { now } => {
            if active(state)?.email_verified {
                return Ok(Vec::new());
            }
            Ok(vec![StaffEvent::StaffEmailVerified { at: now }])
        }
        StaffCommand::ChangePassword { reset, now } => {
            active(state)?;
            Ok(vec![StaffEvent::StaffPasswordChanged { reset, at: now }])
        }
        // A person who has left, or changed role, can still put down a delivery.
        StaffCommand::PutDown { delivery, now } => {
            if employed(state)?.carrying.contains(&delivery) {
                Ok(vec![StaffEvent::DeliveryPutDown { delivery, at: now }])
            } else {
                Ok(Vec::new())
            }
        }
    }
}

/// Returns the events of a transfer, a change of role, or both. The role changes first on the way to the group and last
/// on the way from it, so that a role of a pizzeria never stands without one.
fn moved(held: &Employed, role: Role, pizzeria: Option<PizzeriaId>, at: DateTime<Utc>) -> Vec<StaffEvent> {
    let to_group = pizzeria.is_none();
    let changed = (held.role != role).then_some(StaffEvent::RoleChanged { role, at });
    let transferred = (held.pizzeria != pizzeria).then_some(StaffEvent::StaffTransferred { pizzeria, at });
    let events = if to_group { [changed, transferred] } else { [transferred, changed] };
    events.into_iter().flatten().collect()
}

fn employed(state: &Staff) -> Result<&Employed, StaffError> {
    state.employed().ok_or(StaffError::NotFound)
}

fn active(state: &Staff) -> Result<&Employed, StaffError> {
    let person = employed(state)?;
    if person.active { Ok(person) } else { Err(StaffError::AlreadyRevoked) }
}

fn may_manage(by: Role, role: Role) -> Result<(), StaffError> {
    if by.may_hire(role) { Ok(()) } else { Err(StaffError::RoleNotAllowed { by, role }) }
}

/// Checks that a director remains after this one.
fn keeps_a_director(state: &Staff, other_directors: usize) -> Result<(), StaffError> {
    let is_last = state.employed().is_some_and(Employed::is_director) && other_directors == 0;
    if is_last { Err(StaffError::LastDirector) } else { Ok(()) }
}

fn is_courier_of(person: &Employed, pizzeria: &PizzeriaId) -> bool {
    person.active && person.role == Role::Courier && person.pizzeria.as_ref() == Some(pizzeria)
}
