//! The state of a customer's account, folded from its events.

use serde::{Deserialize, Serialize};

use super::events::CustomerEvent;
use crate::account::AccountField;
use crate::ids::CustomerId;

/// Somebody who signed up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// Whose account it is.
    pub id: CustomerId,
    /// Whether the present e-mail address is known to be theirs.
    pub email_verified: bool,
}

/// The state of a customer's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Customer {
    /// Nothing has happened.
    #[default]
    NotRegistered,
    /// Has an account.
    Registered(Registered),
    /// Had one. Nothing happens to it any more.
    Erased,
}

impl Customer {
    /// The account, while there is one.
    pub fn registered(&self) -> Option<&Registered> {
        match self {
            Self::Registered(registered) => Some(registered),
            Self::NotRegistered | Self::Erased => None,
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &CustomerEvent) {
        match (&mut *self, event) {
            (Self::NotRegistered, CustomerEvent::CustomerRegistered { customer, .. }) => {
                *self = Self::Registered(Registered { id: *customer, email_verified: false });
            }
            (Self::Registered(registered), CustomerEvent::CustomerEmailVerified { .. }) => {
                registered.email_verified = true;
            }
            (Self::Registered(registered), CustomerEvent::CustomerAccountUpdated { changed, .. }) => {
                if changed.contains(&AccountField::Email) {
                    registered.email_verified = false;
                }
            }
            (Self::NotRegistered | Self::Registered(_), CustomerEvent::CustomerErased { .. }) => {
                *self = Self::Erased;
            }
            (Self::Registered(_), CustomerEvent::CustomerPasswordChanged { .. })
            | (Self::Registered(_) | Self::Erased, CustomerEvent::CustomerRegistered { .. })
            | (
                Self::NotRegistered | Self::Erased,
                CustomerEvent::CustomerEmailVerified { .. }
                | CustomerEvent::CustomerAccountUpdated { .. }
                | CustomerEvent::CustomerPasswordChanged { .. },
            )
            | (Self::Erased, CustomerEvent::CustomerErased { .. }) => {}
        }
    }
}
