//! Refusals of a delivery. Values, never faults.

use serde::{Deserialize, Serialize};

use super::state::DeliveryStatus;
use crate::ids::StaffId;
use crate::usecase::RefusalCode;

/// Refusal by a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum DeliveryError {
    /// The delivery does not exist.
    #[error("no such delivery")]
    NotFound,
    /// The delivery is already scheduled.
    #[error("the delivery is already scheduled")]
    AlreadyScheduled,
    /// A courier already has it.
    #[error("a courier already has the delivery")]
    AlreadyClaimed,
    /// The current state does not allow the command.
    #[error("not possible while the delivery is {status:?}")]
    WrongState {
        /// Current status.
        status: DeliveryStatus,
    },
    /// Another courier has it.
    #[error("another courier has the delivery")]
    NotYours,
    /// The id is not a courier of this pizzeria.
    #[error("{courier} is not a courier of this pizzeria")]
    UnknownCourier {
        /// The given value.
        courier: StaffId,
    },
    /// The courier already carries the maximum.
    #[error("a courier carries at most {max}")]
    CourierFull {
        /// The limit.
        max: usize,
    },
    /// The code is wrong.
    #[error("the code is wrong; {tries_left} tries left")]
    BadCode {
        /// Number of tries left; at 0, only a name or a photograph proves the delivery.
        tries_left: u32,
    },
}

impl DeliveryError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::NotFound => C::NotFound,
            Self::AlreadyScheduled => C::AlreadyExists,
            Self::AlreadyClaimed => C::AlreadyClaimed,
            Self::WrongState { .. } => C::WrongState,
            Self::NotYours => C::NotYourDelivery,
            Self::UnknownCourier { .. } => C::UnknownCourier,
            Self::CourierFull { .. } => C::CourierFull,
            Self::BadCode { .. } => C::BadCode,
        }
    }
}
