//! Commands to one customer's account. They never carry personal data.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::account::AccountField;
use crate::ids::CustomerId;

/// Command to one customer's account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerCommand {
    /// Create the account.
    Register {
        /// The customer.
        customer: CustomerId,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Verify the e-mail address.
    VerifyEmail {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change personal data. A new e-mail address must be verified again.
    Update {
        /// Changed fields.
        changed: BTreeSet<AccountField>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change the password.
    ChangePassword {
        /// Whether it was reset by a token sent to the e-mail address.
        reset: bool,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Erase the account.
    Erase {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
