//! What can be asked of one member of staff.

use chrono::{DateTime, Utc};

use crate::access::Role;
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
        /// Now.
        now: DateTime<Utc>,
    },
    /// Let somebody go.
    Revoke {
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
    /// Take a delivery off a courier.
    PutDown {
        /// Which.
        delivery: DeliveryId,
        /// Now.
        now: DateTime<Utc>,
    },
}
