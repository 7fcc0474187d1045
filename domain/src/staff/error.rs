//! Why a staff member's stream refuses a command.

use serde::{Deserialize, Serialize};

/// A refusal by a member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StaffError {
    /// Nobody by that id.
    #[error("no such member of staff")]
    NotFound,
    /// Works here already, in that role.
    #[error("hired already")]
    AlreadyHired,
    /// Does not work here any more.
    #[error("revoked already")]
    AlreadyRevoked,
    /// Not a courier, or of another pizzeria.
    #[error("not a courier of this pizzeria")]
    NotACourier,
    /// Carries as many as a courier may.
    #[error("carries {max} deliveries already")]
    Full {
        /// The bound.
        max: usize,
    },
}
