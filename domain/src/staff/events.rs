//! What has happened to a member of staff. No personal data: names are in the accounts.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::account::AccountField;
use crate::event::event_names;
use crate::ids::{DeliveryId, PizzeriaId, StaffId};

/// The events of a staff member's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum StaffEvent {
    /// Somebody was hired.
    StaffHired {
        /// Who.
        staff: StaffId,
        /// As what.
        role: Role,
        /// Where; none for the group's people.
        pizzeria: Option<PizzeriaId>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody left.
    StaffRevoked {
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier has a delivery to carry, in the same transaction as the delivery's own event.
    DeliveryTaken {
        /// Which.
        delivery: DeliveryId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier has it no more: given back, delivered or returned.
    DeliveryPutDown {
        /// Which.
        delivery: DeliveryId,
        /// When.
        at: DateTime<Utc>,
    },
    /// Some of what is kept of them outside the log has changed.
    StaffAccountUpdated {
        /// Which fields; never their values.
        changed: BTreeSet<AccountField>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The e-mail address is theirs.
    StaffEmailVerified {
        /// When.
        at: DateTime<Utc>,
    },
    /// They have another password.
    StaffPasswordChanged {
        /// Whether it was set by a token sent to the e-mail address: forgotten, or an invitation.
        reset: bool,
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(
    StaffEvent,
    Staff: StaffHired, StaffRevoked, DeliveryTaken, DeliveryPutDown, StaffAccountUpdated, StaffEmailVerified,
    StaffPasswordChanged
);
