//! Loads a stream: its snapshot, if its schema is current, and the events after it.

use std::sync::Arc;

use domain::{AggregateState, StreamId, StreamType};
use sqlx::PgConnection;

use crate::decider::Versioned;
use crate::error::StoreError;
use crate::log::{self, LogError};
use crate::snapshot;

impl From<LogError> for StoreError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => Self::Unavailable(Some(error)),
            LogError::Unreadable { position, source } => Self::Unreadable { position, source },
        }
    }
}

/// Events read at once.
const BATCH_EVENTS: i64 = 1000;

/// Loads a stream's stored state.
pub(crate) async fn stream(db: &mut PgConnection, stream: &StreamId) -> Result<Versioned, StoreError> {
    let snapshot = if grows_long(stream) { snapshot::read(&mut *db, stream).await? } else { None };
    let mut loaded = match snapshot {
        Some((state, version)) => Versioned { state: Arc::new(state), version },
        None => Versioned::empty(stream),
    };
    fold(db, stream, &mut loaded, i64::MAX).await?;
    Ok(loaded)
}

/// Returns whether streams of this kind have snapshots: orders, deliveries and customers have too few events.
fn grows_long(stream: &StreamId) -> bool {
    match stream.kind {
        StreamType::Order | StreamType::Delivery | StreamType::Customer => false,
        StreamType::Stock
        | StreamType::Pizzeria
        | StreamType::Menu
        | StreamType::Staff
        | StreamType::Closing => true,
    }
}

/// Loads a stream's state at a sequence, from its first event.
pub(crate) async fn stream_at(
    db: &mut PgConnection,
    stream: &StreamId,
    sequence: i64,
) -> Result<Versioned, StoreError> {
    let mut loaded = Versioned::empty(stream);
    fold(db, stream, &mut loaded, sequence).await?;
    Ok(loaded)
}

/// Returns a stream's state at a sequence: from its snapshot, if that is not later, else from its first event. The
/// cost grows with the events in between.
///
/// # Errors
/// The database does not answer, or an event cannot be read.
pub async fn state_at(
    db: &mut PgConnection,
    stream: &StreamId,
    sequence: i64,
) -> Result<AggregateState, StoreError> {
    let snapshot = if sequence > 0 { snapshot::read(&mut *db, stream).await? } else { None };
    let mut loaded = match snapshot {
        Some((state, version)) if version <= sequence => Versioned { state: Arc::new(state), version },
        Some(_) | None => Versioned::empty(stream),
    };
    fold(db, stream, &mut loaded, sequence).await?;
    Ok(Arc::unwrap_or_clone(loaded.state))
}

async fn fold(
    db: &mut PgConnection,
    stream: &StreamId,
    loaded: &mut Versioned,
    up_to: i64,
) -> Result<(), StoreError> {
    while loaded.version < up_to {
        let next = loaded.version.saturating_add(BATCH_EVENTS).min(up_to);
        let events = log::read_whole(&mut *db, stream, loaded.version, next).await?;
        for recorded in &events {
            loaded.evolve(&recorded.events)?;
        }
        if loaded.version < next {
            break;
        }
    }
    Ok(())
}
