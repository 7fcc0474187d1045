//! State of a customer's account, folded from its events. Folding never fails.

use serde::{Deserialize, Serialize};

use super::events::CustomerEvent;
use crate::account::AccountField;
use crate::ids::CustomerId;

/// A registered customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Registered {
    /// The customer.
    pub id: CustomerId,
    /// Whether the current e-mail address is verified.
    pub email_verified: bool,
}

/// State of a customer's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Customer {
    /// The stream is empty.
    #[default]
    NotRegistered,
    /// The account exists.
    Registered(Registered),
    /// The account was erased; no event follows.
    Erased,
}

impl Customer {
    /// Returns the account, if it exists.
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
