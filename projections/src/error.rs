//! Errors of the read side. No error contains a payload.

use domain::LogPosition;
use event_store::LogError;

use crate::apply_error::ApplyError;
use crate::registry::Model;

/// Why a read model could not be updated, rebuilt or verified.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Applying failed; a retry may succeed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An event cannot be applied; those before it were.
    #[error("{model} stopped at position {position}: {reason}")]
    Poison {
        /// The read model.
        model: Model,
        /// Position of the event.
        position: LogPosition,
        /// The cause, without values of the event.
        reason: String,
    },
    /// Another process rebuilds or verifies the same read model.
    #[error("{0} is being rebuilt or verified already")]
    Busy(Model),
}

/// A read model did not reach a position in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{model} is at {reached}, not yet at {wanted}")]
pub struct WaitError {
    /// The read model.
    pub model: Model,
    /// The position reached.
    pub reached: LogPosition,
    /// The position waited for.
    pub wanted: LogPosition,
}
