//! Why a staff member's stream refuses a command.

use serde::{Deserialize, Serialize};

use crate::access::Role;

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
    /// The group keeps a director: somebody else becomes one first.
    #[error("the last director stays")]
    LastDirector,
    /// Whoever asks may not hire or revoke in this role.
    #[error("{by} does not hire or revoke {role}")]
    RoleNotAllowed {
        /// Who asks.
        by: Role,
        /// The role, asked for or held.
        role: Role,
    },
    /// No field has another value.
    #[error("nothing to change")]
    NothingToChange,
}
