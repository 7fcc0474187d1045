//! What can go wrong on the read side. No error names a payload.

use domain::LogPosition;
use event_store::LogError;

use crate::registry::Model;

/// Why events could not be applied to a read model.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The database refused or did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log, which a read model of the past goes back to, cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A stored row cannot be read or written as the state that it should be.
    #[error("a document of {table} cannot be converted")]
    Document {
        /// The table.
        table: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The name of an event's stream is not an id of its kind.
    #[error("the id of a {kind} stream cannot be read")]
    StreamId {
        /// The stream's kind.
        kind: &'static str,
    },
}

impl ApplyError {
    /// Whether trying again without any change may help: the database was away or busy.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(error)) => error.code().is_none_or(|code| {
                // Connection, rollback (deadlock), resources, not in a state to, operator intervention, system.
                ["08", "40", "53", "55", "57", "58"].iter().any(|class| code.starts_with(class))
            }),
            Self::Database(
                sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::Encode(_),
            ) => false,
            Self::Database(_) | Self::Log(LogError::Database(_)) => true,
            Self::Log(LogError::Unreadable { .. }) | Self::Document { .. } | Self::StreamId { .. } => false,
        }
    }

    /// A short text for the checkpoint's row: the kind of fault, never a value.
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

/// Why a read model could not be brought up to date, rebuilt or verified.
#[derive(Debug, thiserror::Error)]
pub enum ProjectionError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Applying failed, for a reason that may pass.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// An event that the read model cannot take; those before it were applied.
    #[error("{model} stopped at position {position}: {reason}")]
    Poison {
        /// The read model.
        model: Model,
        /// The event.
        position: LogPosition,
        /// Why, without any value of the event.
        reason: String,
    },
    /// The same read model is being rebuilt or verified by somebody else.
    #[error("{0} is being rebuilt or verified already")]
    Busy(Model),
}

/// Why a read model was not waited for any longer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{model} is at {reached}, not yet at {wanted}")]
pub struct WaitError {
    /// The read model that was not there.
    pub model: Model,
    /// How far it was.
    pub reached: LogPosition,
    /// How far it should have been.
    pub wanted: LogPosition,
}
