//! Faults of the store. A refusal by the domain is part of the command's result instead.

use std::sync::Arc;

use domain::LogPosition;
use domain::event::UnreadableEvent;
use domain::stream::ForeignEvent;

/// Why a command failed. Nothing was stored unless the variant says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; retry.
    #[error("too many commands are waiting")]
    Overloaded,
    /// Concurrent commands won every retry; send the command again.
    #[error("the command kept conflicting with others")]
    Conflict,
    /// The database does not answer. Whether the command was stored is unknown: it can be sent again safely under
    /// the same idempotency key.
    #[error("the database is unavailable")]
    Unavailable(#[source] Option<sqlx::Error>),
    /// A stored event of a required stream cannot be read.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Position of the event.
        position: LogPosition,
        /// The cause.
        #[source]
        source: Arc<UnreadableEvent>,
    },
    /// A stored event belongs to another kind of stream.
    #[error(transparent)]
    Foreign(#[from] ForeignEvent),
    /// A state or event cannot be serialised: a bug.
    #[error("a state or event cannot be converted: {0}")]
    Convert(#[from] serde_json::Error),
    /// A use case kept naming further streams, or changed one that it had not named: a bug.
    #[error("the use case {0} does not settle on its streams")]
    Unsettled(&'static str),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Some(error))
    }
}

/// An error with all its causes, in one line.
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
