//! Commands to one member of staff. They never carry personal data.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// Command to one member of staff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StaffCommand {
    /// Hire a person; transfer or change the role of one who works here.
    Hire {
        /// The member of staff.
        staff: StaffId,
        /// Role.
        role: Role,
        /// The pizzeria; `None` for the group's staff.
        pizzeria: Option<PizzeriaId>,
        /// Role of the caller, checked by [`Role::may_hire`].
        by: Role,
        /// Number of other active directors.
        other_directors: usize,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Revoke a person's role.
    Revoke {
        /// Role of the caller.
        by: Role,
        /// Number of other active directors.
        other_directors: usize,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Assign a delivery to a courier of `pizzeria`.
    Take {
        /// The delivery.
        delivery: DeliveryId,
        /// The delivery's pizzeria.
        pizzeria: PizzeriaId,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change personal data. A new e-mail address must be verified again.
    UpdateAccount {
        /// Changed fields.
        changed: BTreeSet<AccountField>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Verify the e-mail address.
    VerifyEmail {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change the password.
    ChangePassword {
        /// Whether it was set by a token sent to the e-mail address: a reset, or an invitation.
        reset: bool,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Take a delivery from a courier.
    PutDown {
        /// The delivery.
        delivery: DeliveryId,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
