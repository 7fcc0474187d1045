//! The state of a member of staff, folded from its events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::events::StaffEvent;
use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// How many deliveries a courier carries at most (DOMAIN.md, Delivery).
pub const MAX_CARRIED: usize = 3;

/// Somebody who was hired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Employed {
    /// Who.
    pub id: StaffId,
    /// As what.
    pub role: Role,
    /// Where; none for the group's people.
    pub pizzeria: Option<PizzeriaId>,
    /// Whether they still work here.
    pub active: bool,
    /// What a courier carries.
    pub carrying: BTreeSet<DeliveryId>,
    /// Whether the present e-mail address is known to be theirs.
    pub email_verified: bool,
}

/// The state of a staff member's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Staff {
    /// Nothing has happened.
    #[default]
    NotHired,
    /// Hired, and perhaps revoked since.
    Hired(Employed),
}

impl Employed {
    /// Whether they run the group now.
    pub fn is_director(&self) -> bool {
        self.active && self.role == Role::Director
    }
}

impl Staff {
    /// The person, if they were ever hired.
    pub fn employed(&self) -> Option<&Employed> {
        match self {
            Self::Hired(employed) => Some(employed),
            Self::NotHired => None,
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &StaffEvent) {
        match (&mut *self, event) {
            (Self::NotHired, StaffEvent::StaffHired { staff, role, pizzeria, .. }) => {
                *self = Self::Hired(Employed {
                    id: *staff,
                    role: *role,
                    pizzeria: pizzeria.clone(),
                    active: true,
                    carrying: BTreeSet::new(),
                    email_verified: false,
                });
            }
            (Self::Hired(employed), StaffEvent::StaffHired { role, pizzeria, .. }) => {
                employed.role = *role;
                employed.pizzeria.clone_from(pizzeria);
                employed.active = true;
            }
            (Self::Hired(employed), StaffEvent::StaffRevoked { .. }) => employed.active = false,
            (Self::Hired(employed), StaffEvent::DeliveryTaken { delivery, .. }) => {
                employed.carrying.insert(*delivery);
            }
            (Self::Hired(employed), StaffEvent::DeliveryPutDown { delivery, .. }) => {
                employed.carrying.remove(delivery);
            }
            (Self::Hired(employed), StaffEvent::StaffAccountUpdated { changed, .. }) => {
                if changed.contains(&AccountField::Email) {
                    employed.email_verified = false;
                }
            }
            (Self::Hired(employed), StaffEvent::StaffEmailVerified { .. }) => employed.email_verified = true,
            (Self::Hired(_), StaffEvent::StaffPasswordChanged { .. }) => {}
            (
                Self::NotHired,
                StaffEvent::StaffRevoked { .. }
                | StaffEvent::DeliveryTaken { .. }
                | StaffEvent::DeliveryPutDown { .. }
                | StaffEvent::StaffAccountUpdated { .. }
                | StaffEvent::StaffEmailVerified { .. }
                | StaffEvent::StaffPasswordChanged { .. },
            ) => {}
        }
    }
}
