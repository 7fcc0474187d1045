//! Faults of the store. A refusal by the domain is not a fault: it is part of the outcome.

use std::sync::Arc;

use domain::LogPosition;
use domain::event::UnreadableEvent;
use domain::stream::ForeignEvent;

/// Why a command was not carried out. Nothing was stored, unless said otherwise.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The queue is full; try again.
    #[error("too many commands are waiting")]
    Overloaded,
    /// Others kept being quicker; try again.
    #[error("the command kept conflicting with others")]
    Conflict,
    /// The database did not answer. Whether the command was stored is not known: with the same
    /// idempotency key it can be sent again safely.
    #[error("the database is unavailable")]
    Unavailable(#[source] Option<sqlx::Error>),
    /// A stored event of a stream that is needed cannot be read.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Where.
        position: LogPosition,
        /// Why.
        #[source]
        source: Arc<UnreadableEvent>,
    },
    /// A stored event is on a stream of another kind.
    #[error(transparent)]
    Foreign(#[from] ForeignEvent),
    /// A state cannot be written or read as JSON: a fault of the program.
    #[error("a state or event cannot be converted: {0}")]
    Convert(#[from] serde_json::Error),
    /// A use case kept naming more streams: a fault of the program.
    #[error("the use case {0} does not settle on its streams")]
    Unsettled(&'static str),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        Self::Unavailable(Some(error))
    }
}
