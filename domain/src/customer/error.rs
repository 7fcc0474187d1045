//! Why a customer's account refuses a command.

use serde::{Deserialize, Serialize};

/// A refusal by a customer's account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum CustomerError {
    /// Nobody by that id.
    #[error("no such customer")]
    NotFound,
    /// The account is there already.
    #[error("registered already")]
    AlreadyRegistered,
    /// The account was erased; it never comes back.
    #[error("erased already")]
    AlreadyErased,
    /// No field has another value.
    #[error("nothing to change")]
    NothingToChange,
}
