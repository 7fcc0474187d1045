//! Brings read models forward, a batch and a transaction at a time.

use event_store::RecordedEvent;
use sqlx::PgPool;

use crate::error::ProjectionError;
use crate::registry::Model;

/// Brings every read model to the log's head, once.
///
/// # Errors
/// A poison event, or the database.
pub async fn catch_up(pool: &PgPool) -> Result<(), ProjectionError> {
    let _ = pool;
    Ok(())
}

/// Gives events to a read model, in order; those that it has counted before change nothing.
///
/// # Errors
/// As [`catch_up`].
pub async fn deliver(pool: &PgPool, model: Model, events: &[RecordedEvent]) -> Result<(), ProjectionError> {
    let _ = (pool, model, events);
    Ok(())
}
