//! Why a delivery refuses a command.

use serde::{Deserialize, Serialize};

use super::state::DeliveryStatus;
use crate::ids::StaffId;

/// A refusal by a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum DeliveryError {
    /// There is no such delivery.
    #[error("no such delivery")]
    NotFound,
    /// It was scheduled before.
    #[error("the delivery is scheduled already")]
    AlreadyScheduled,
    /// Another courier, or the same one, has it.
    #[error("the delivery is claimed already")]
    AlreadyClaimed,
    /// Not in this state.
    #[error("not possible while the delivery is {status:?}")]
    WrongState {
        /// Where it stands.
        status: DeliveryStatus,
    },
    /// Another courier has it.
    #[error("the delivery is another courier's")]
    NotYours,
    /// No such courier in this pizzeria.
    #[error("{courier} is not a courier of this pizzeria")]
    UnknownCourier {
        /// As given.
        courier: StaffId,
    },
    /// The courier carries as many as a courier may.
    #[error("a courier carries at most {max}")]
    CourierFull {
        /// The bound.
        max: usize,
    },
    /// The code is wrong.
    #[error("the code is wrong; {tries_left} tries left")]
    BadCode {
        /// How many tries are left; with none, only a name or a photograph proves the delivery.
        tries_left: u32,
    },
}
