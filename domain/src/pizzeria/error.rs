//! Refusals of a pizzeria. Values, never faults.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::usecase::RefusalCode;

/// Refusal by a pizzeria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PizzeriaError {
    /// The pizzeria does not exist.
    #[error("no such pizzeria")]
    NotFound,
    /// A pizzeria with this code already exists.
    #[error("a pizzeria with this code already exists")]
    AlreadyOpened,
    /// The pizzeria is already paused, for the same reason and with the same end.
    #[error("the pizzeria is already paused")]
    AlreadyPaused,
    /// The pizzeria is not paused.
    #[error("the pizzeria is not paused")]
    NotPaused,
    /// A pause must end in the future.
    #[error("a pause must end in the future")]
    PauseInThePast,
    /// The command changes nothing.
    #[error("nothing to change")]
    NothingToChange,
    /// A name or an address must have 1 to 200 characters; radius, fee and minimum must not be negative.
    #[error("{field} is out of range")]
    OutOfRange {
        /// Name of the field.
        field: Cow<'static, str>,
    },
}

impl PizzeriaError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::NotFound => C::NotFound,
            Self::AlreadyOpened => C::AlreadyExists,
            Self::AlreadyPaused => C::AlreadyPaused,
            Self::NotPaused => C::NotPaused,
            Self::NothingToChange => C::NothingToChange,
            Self::PauseInThePast | Self::OutOfRange { .. } => C::OutOfRange,
        }
    }
}
