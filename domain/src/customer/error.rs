//! Refusals of a customer's account. Values, never faults.

use serde::{Deserialize, Serialize};

use crate::usecase::RefusalCode;

/// Refusal by a customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CustomerError {
    /// The id is unknown.
    #[error("no such customer")]
    NotFound,
    /// The account already exists.
    #[error("the customer is already registered")]
    AlreadyRegistered,
    /// The account was erased and cannot be restored.
    #[error("the account was already erased")]
    AlreadyErased,
    /// The command changes no field.
    #[error("nothing to change")]
    NothingToChange,
}

impl CustomerError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::NotFound => C::NotFound,
            Self::AlreadyRegistered => C::AlreadyExists,
            Self::AlreadyErased => C::AlreadyErased,
            Self::NothingToChange => C::NothingToChange,
        }
    }
}
