//! Errors of the read side. No error contains a payload.

use domain::LogPosition;
use event_store::LogError;

use crate::registry::Model;

/// Why events could not be applied to a read model.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A document cannot be serialised.
    #[error("a document of {table} cannot be converted")]
    Document {
        /// The table.
        table: &'static str,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// The id of an event's stream is not of the stream's kind.
    #[error("the id of a {kind} stream cannot be read")]
    StreamId {
        /// The stream's kind.
        kind: &'static str,
    },
}

impl ApplyError {
    /// Returns whether a retry may succeed: the database was unavailable or busy.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().is_none_or(|code| {
                // Connection, rollback (deadlock), resources, object not in prerequisite state, operator intervention,
                // system.
                ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
            }),
            Self::Database(
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_),
            ) => false,
            Self::Database(_) | Self::Log(LogError::Database(_)) => true,
            Self::Log(LogError::Unreadable { .. }) | Self::Document { .. } | Self::StreamId { .. } => false,
        }
    }

    /// Returns a short text for the checkpoint's row: the kind of error, never a value.
    pub(crate) fn summary(&self) -> String {
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                format!("the database refused it (SQLSTATE {})", error.code().unwrap_or_default())
            }
            Self::Database(_) | Self::Log(_) | Self::Document { .. } | Self::StreamId { .. } => {
                self.to_string()
            }
        }
    }
}

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
