//! Why a pizzeria refuses a command.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// A refusal by a pizzeria.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum PizzeriaError {
    /// There is no such pizzeria.
    #[error("no such pizzeria")]
    NotFound,
    /// The code is taken.
    #[error("a pizzeria with this code has opened already")]
    AlreadyOpened,
    /// It is paused already, for the same reason and until the same instant.
    #[error("paused already")]
    AlreadyPaused,
    /// It is not paused.
    #[error("not paused")]
    NotPaused,
    /// A pause ends in the future.
    #[error("a pause ends in the future")]
    PauseInThePast,
    /// Nothing was to be changed.
    #[error("nothing to change")]
    NothingToChange,
    /// A name or an address is 1 to 200 characters; radius, fee and minimum are not negative.
    #[error("{field} is out of range")]
    OutOfRange {
        /// Which.
        field: Cow<'static, str>,
    },
}
