//! What has happened to a customer's account. No personal data: names, addresses and passwords are in the
//! accounts, and an event says at most which of them have changed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::account::AccountField;
use crate::event::event_names;
use crate::ids::CustomerId;

/// The events of a customer's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum CustomerEvent {
    /// Somebody signed up.
    CustomerRegistered {
        /// Whose account it is.
        customer: CustomerId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The e-mail address is theirs.
    CustomerEmailVerified {
        /// When.
        at: DateTime<Utc>,
    },
    /// Some of what is kept of them has changed.
    CustomerAccountUpdated {
        /// Which fields; never their values.
        changed: BTreeSet<AccountField>,
        /// When.
        at: DateTime<Utc>,
    },
    /// They have another password.
    CustomerPasswordChanged {
        /// Whether it was forgotten.
        reset: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// What was kept of them was erased.
    CustomerErased {
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(
    CustomerEvent,
    Customer: CustomerRegistered, CustomerEmailVerified, CustomerAccountUpdated, CustomerPasswordChanged,
    CustomerErased
);
