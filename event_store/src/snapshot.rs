//! Snapshots: the state of a long stream at a sequence, so that loading reads only the events after it.
//!
//! A cache: one row a stream, ignored if it was written under another schema; no result depends on it.

use domain::{AggregateState, StreamId};
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor, Row};

use crate::decider::Versioned;
use crate::error::StoreError;

/// Schema of the stored states. Raise it whenever a state's serialised shape, or what an event does to it, changes.
pub const SNAPSHOT_SCHEMA: &str = "9";

/// Returns the stream's snapshot, if it has one of the current schema.
pub(crate) async fn read(
    db: &mut PgConnection,
    stream: &StreamId,
) -> Result<Option<(AggregateState, i64)>, StoreError> {
    let row = sqlx::query(
        "SELECT state, sequence FROM snapshots WHERE aggregate_type = $1 AND aggregate_id = $2 AND schema_version = $3",
    )
    .bind(stream.kind.as_str())
    .bind(&*stream.id)
    .bind(SNAPSHOT_SCHEMA)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    // An unreadable snapshot is ignored.
    let state: Result<Json<AggregateState>, _> = row.try_get(0);
    Ok(state.ok().filter(|state| state.0.kind() == stream.kind).map(|state| (state.0, row.get(1))))
}

/// Writes a snapshot unless a later one of the same schema is stored.
pub(crate) async fn write(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    snapshot: &Versioned,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO snapshots AS s (aggregate_type, aggregate_id, sequence, schema_version, state) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE \
         SET sequence = excluded.sequence, schema_version = excluded.schema_version, state = excluded.state \
         WHERE s.sequence < excluded.sequence OR s.schema_version <> excluded.schema_version",
    )
    .bind(stream.kind.as_str())
    .bind(&*stream.id)
    .bind(snapshot.version)
    .bind(SNAPSHOT_SCHEMA)
    .bind(Json(&*snapshot.state))
    .execute(db)
    .await?;
    Ok(())
}
