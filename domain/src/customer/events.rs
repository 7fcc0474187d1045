//! Events of a customer's account. They never carry personal data: an event names at most which fields
//! changed.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::account::AccountField;
use crate::ids::CustomerId;

/// Events of a customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum CustomerEvent {
    /// A customer signed up.
    CustomerRegistered {
        /// The customer.
        customer: CustomerId,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The e-mail address was verified.
    CustomerEmailVerified {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Personal data changed.
    CustomerAccountUpdated {
        /// Changed fields; never their values.
        changed: BTreeSet<AccountField>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The password changed.
    CustomerPasswordChanged {
        /// Whether it was reset by mail.
        reset: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The account and its personal data were erased.
    CustomerErased {
        /// When it happened.
        at: DateTime<Utc>,
    },
}
