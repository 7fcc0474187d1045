//! Loading a stream: its snapshot, if it is one of ours, and the events after it.

use std::sync::Arc;

use domain::{AggregateState, StreamId, StreamType};
use sqlx::PgConnection;

use crate::cache::Versioned;
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

/// Events folded at once.
const BATCH: i64 = 1000;

/// A stream's state as stored now.
pub(crate) async fn stream(db: &mut PgConnection, stream: &StreamId) -> Result<Versioned, StoreError> {
    let snapshot = if grows_long(stream) { snapshot::read(&mut *db, stream).await? } else { None };
    let mut loaded = match snapshot {
        Some((state, version)) => Versioned { state: Arc::new(state), version },
        None => Versioned::empty(stream),
    };
    fold(db, stream, &mut loaded, i64::MAX).await?;
    Ok(loaded)
}

/// Whether it is worth asking for a snapshot: an order and a delivery have a few
/// events and an end, a customer's account hardly more.
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

/// A stream's state as it was at a sequence, from its first event on.
pub(crate) async fn stream_at(
    db: &mut PgConnection,
    stream: &StreamId,
    sequence: i64,
) -> Result<Versioned, StoreError> {
    let mut loaded = Versioned::empty(stream);
    fold(db, stream, &mut loaded, sequence).await?;
    Ok(loaded)
}

/// A stream's state as it was at a sequence: from its snapshot, where that is not later, else from its first
/// event on. The cost grows with the events in between.
///
/// # Errors
/// When the database does not answer, or an event cannot be read.
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
        let next = loaded.version.saturating_add(BATCH).min(up_to);
        let events = log::read_whole(&mut *db, stream, loaded.version, next).await?;
        for recorded in &events {
            loaded.evolve(&recorded.event)?;
        }
        if loaded.version < next {
            break;
        }
    }
    Ok(())
}
