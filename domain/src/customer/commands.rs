//! What can be asked of one customer's account.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::account::AccountField;
use crate::ids::CustomerId;

/// A command to one customer's account. None carries what it is about: that stays outside the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CustomerCommand {
    /// Make the account.
    Register {
        /// Whose.
        customer: CustomerId,
        /// Now.
        now: DateTime<Utc>,
    },
    /// The customer has shown that the e-mail address is theirs.
    VerifyEmail {
        /// Now.
        now: DateTime<Utc>,
    },
    /// Change what is kept of the customer. Another e-mail address is to be verified again.
    Update {
        /// Which fields have another value now.
        changed: BTreeSet<AccountField>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Change the password.
    ChangePassword {
        /// Whether it was forgotten, and changed by a token sent to the e-mail address.
        reset: bool,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Forget who it was.
    Erase {
        /// Now.
        now: DateTime<Utc>,
    },
}
