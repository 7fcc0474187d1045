//! Refusals of a member of staff. Values, never faults.

use serde::{Deserialize, Serialize};

use crate::access::Role;
use crate::usecase::RefusalCode;

/// Refusal by a member of staff.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StaffError {
    /// The id is unknown.
    #[error("no such member of staff")]
    NotFound,
    /// The person already works here in that role.
    #[error("the person already has this role")]
    AlreadyHired,
    /// The person no longer works here.
    #[error("the person no longer works here")]
    AlreadyRevoked,
    /// The person is not a courier, or works in another pizzeria.
    #[error("not a courier of this pizzeria")]
    NotACourier,
    /// The courier already carries the maximum.
    #[error("the courier already carries {max} deliveries")]
    Full {
        /// The limit.
        max: usize,
    },
    /// The last director cannot leave; another must be appointed first.
    #[error("the last director cannot leave; appoint another first")]
    LastDirector,
    /// The caller may not hire or revoke this role.
    #[error("{by} may not hire or revoke {role}")]
    RoleNotAllowed {
        /// Role of the caller.
        by: Role,
        /// The requested or current role.
        role: Role,
    },
    /// The command changes no field.
    #[error("nothing to change")]
    NothingToChange,
}

impl StaffError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::NotFound => C::NotFound,
            Self::AlreadyHired => C::AlreadyHired,
            Self::AlreadyRevoked => C::AlreadyRevoked,
            Self::NotACourier => C::UnknownCourier,
            Self::Full { .. } => C::CourierFull,
            Self::LastDirector => C::LastDirector,
            Self::RoleNotAllowed { .. } => C::RoleNotAllowed,
            Self::NothingToChange => C::NothingToChange,
        }
    }
}
