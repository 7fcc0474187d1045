//! Events of a member of staff. They never carry personal data.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::account::AccountField;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// Events of a member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum StaffEvent {
    /// A person was hired, or hired again. Release 0.1 also stored a transfer and a change of role as this.
    StaffHired {
        /// The member of staff.
        staff: StaffId,
        /// Role.
        role: Role,
        /// The pizzeria; `None` for the group's staff.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pizzeria: Option<PizzeriaId>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A person who works here works elsewhere from now on.
    StaffTransferred {
        /// The pizzeria; `None` for the group's staff.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pizzeria: Option<PizzeriaId>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A person who works here has another role from now on.
    RoleChanged {
        /// Role.
        role: Role,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The person's employment ended.
    StaffRevoked {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A delivery was assigned to the courier, in the same transaction as the delivery's own event.
    DeliveryTaken {
        /// The delivery.
        delivery: DeliveryId,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The courier no longer has it: given back, delivered or returned.
    DeliveryPutDown {
        /// The delivery.
        delivery: DeliveryId,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Personal data changed.
    StaffAccountUpdated {
        /// Changed fields; never their values.
        changed: BTreeSet<AccountField>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The e-mail address was verified.
    StaffEmailVerified {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The password changed.
    StaffPasswordChanged {
        /// Whether it was set by a token sent to the e-mail address: a reset, or an invitation.
        reset: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
}
