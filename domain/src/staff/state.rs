//! State of a member of staff, folded from its events. Folding never fails.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::events::StaffEvent;
use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// Maximum of deliveries that a courier carries (DOMAIN.md, Delivery).
pub const MAX_CARRIED: usize = 3;

/// A person who was hired.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Employed {
    /// Id.
    pub id: StaffId,
    /// Role.
    pub role: Role,
    /// The pizzeria; `None` for the group's staff.
    pub pizzeria: Option<PizzeriaId>,
    /// Whether the person works here.
    pub active: bool,
    /// Deliveries that a courier carries.
    pub carrying: BTreeSet<DeliveryId>,
    /// Whether the current e-mail address is verified.
    pub email_verified: bool,
}

/// State of a member of staff.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Staff {
    /// The stream is empty.
    #[default]
    NotHired,
    /// The person was hired, and may have been revoked since.
    Hired(Employed),
}

impl Employed {
    /// Whether the person is an active director.
    pub fn is_director(&self) -> bool {
        self.active && self.role == Role::Director
    }
}

impl Staff {
    /// Returns the person, if they were ever hired.
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
            (Self::Hired(employed), StaffEvent::StaffTransferred { pizzeria, .. }) => {
                employed.pizzeria.clone_from(pizzeria);
            }
            (Self::Hired(employed), StaffEvent::RoleChanged { role, .. }) => employed.role = *role,
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
                StaffEvent::StaffTransferred { .. }
                | StaffEvent::RoleChanged { .. }
                | StaffEvent::StaffRevoked { .. }
                | StaffEvent::DeliveryTaken { .. }
                | StaffEvent::DeliveryPutDown { .. }
                | StaffEvent::StaffAccountUpdated { .. }
                | StaffEvent::StaffEmailVerified { .. }
                | StaffEvent::StaffPasswordChanged { .. },
            ) => {}
        }
    }
}
