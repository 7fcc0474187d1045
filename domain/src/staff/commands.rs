//! What can be asked of one member of staff.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// A command to one member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffCommand {
    /// Hire, or change the role of, somebody.
    Hire {
        /// Who.
        staff: StaffId,
        /// As what.
        role: Role,
        /// Where.
        pizzeria: Option<PizzeriaId>,
        /// The role of whoever hires: nobody hires above themselves ([`Role::may_hire`]).
        by: Role,
        /// How many active directors there are besides this one.
        other_directors: usize,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Let somebody go.
    Revoke {
        /// The role of whoever revokes.
        by: Role,
        /// How many active directors there are besides this one.
        other_directors: usize,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Give a courier of `pizzeria` a delivery to carry.
    Take {
        /// Which.
        delivery: DeliveryId,
        /// The delivery's pizzeria.
        pizzeria: PizzeriaId,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Change what is kept of them outside the log. Another e-mail address is to be verified again.
    UpdateAccount {
        /// Which fields have another value now.
        changed: BTreeSet<AccountField>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// They have shown that the e-mail address is theirs.
    VerifyEmail {
        /// Now.
        now: DateTime<Utc>,
    },
    /// Change the password.
    ChangePassword {
        /// Whether it was set by a token sent to the e-mail address: forgotten, or an invitation.
        reset: bool,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Take a delivery off a courier.
    PutDown {
        /// Which.
        delivery: DeliveryId,
        /// Now.
        now: DateTime<Utc>,
    },
}
