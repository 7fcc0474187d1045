//! The error of applying events to a read model. It never contains a payload.

use event_store::LogError;

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
