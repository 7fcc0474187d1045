//! What follows from a command. Pure.

use super::{Employed, MAX_CARRIED, Staff, StaffCommand, StaffError, StaffEvent};
use crate::access::Role;
use crate::ids::PizzeriaId;

/// Decides.
///
/// # Errors
/// A [`StaffError`] when the command is refused; nothing happens then.
pub fn decide(state: &Staff, command: StaffCommand) -> Result<Vec<StaffEvent>, StaffError> {
    match command {
        StaffCommand::Hire { staff, role, pizzeria, now } => {
            let same = |held: &Employed| held.active && held.role == role && held.pizzeria == pizzeria;
            if state.employed().is_some_and(same) {
                return Err(StaffError::AlreadyHired);
            }
            Ok(vec![StaffEvent::StaffHired { staff, role, pizzeria, at: now }])
        }
        StaffCommand::Revoke { now } => {
            if !employed(state)?.active {
                return Err(StaffError::AlreadyRevoked);
            }
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
        // Somebody who has left, or changed role, can still put down what they carry.
        StaffCommand::PutDown { delivery, now } => {
            if employed(state)?.carrying.contains(&delivery) {
                Ok(vec![StaffEvent::DeliveryPutDown { delivery, at: now }])
            } else {
                Ok(Vec::new())
            }
        }
    }
}

fn employed(state: &Staff) -> Result<&Employed, StaffError> {
    state.employed().ok_or(StaffError::NotFound)
}

fn is_courier_of(person: &Employed, pizzeria: &PizzeriaId) -> bool {
    person.active && person.role == Role::Courier && person.pizzeria.as_ref() == Some(pizzeria)
}
