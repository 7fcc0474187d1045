//! Reading the log: by position, or by stream. Read-only.

use std::collections::HashMap;
mod search;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::event::UnreadableEvent;
use domain::{Event, LogPosition, StreamId, StreamType};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sqlx::types::Json;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

pub use search::{EventFilter, histories, search};

/// Who and why, as stored with every event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Metadata {
    /// Who acted; the nil UUID for the system.
    pub actor: Uuid,
    /// In which role.
    pub role: Role,
    /// The command's name, `placeOrder`.
    pub command: String,
    /// The command's id: the same for all its events.
    pub command_id: Uuid,
    /// The request that it belongs to.
    pub correlation_id: String,
    /// The position of the event that caused it, for reactors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<LogPosition>,
}

/// An event as the log holds it.
#[derive(Debug, Clone)]
pub struct RecordedEvent {
    /// Its place in the log.
    pub position: LogPosition,
    /// When it was recorded, by the database's clock; never decreases with position.
    pub recorded_at: DateTime<Utc>,
    /// Its stream.
    pub stream: StreamId,
    /// Its place in its stream, from 1.
    pub sequence: i64,
    /// Its type as stored.
    pub event_type: String,
    /// The version of its payload as stored.
    pub event_version: String,
    /// The payload's exact text.
    pub payload: Arc<RawValue>,
    /// Who and why.
    pub metadata: Metadata,
    /// The event, lifted to today's version.
    pub event: Event,
}

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database did not answer.
    #[error("the log cannot be read")]
    Database(#[from] sqlx::Error),
    /// An event that this program cannot read. The events before it were delivered.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Where.
        position: LogPosition,
        /// Why.
        #[source]
        source: UnreadableEvent,
    },
}

#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    recorded_at: DateTime<Utc>,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    payload: Json<Box<RawValue>>,
    metadata: Json<Metadata>,
}

const COLUMNS: &str = "position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version, \
                       payload, metadata";

impl Row {
    fn decode(self) -> Result<RecordedEvent, LogError> {
        let position = LogPosition(self.position);
        let unreadable = |source| LogError::Unreadable { position, source };
        let kind: StreamType = self.aggregate_type.parse().map_err(|_| {
            unreadable(UnreadableEvent::of_unknown_stream(&self.aggregate_type, &self.event_type))
        })?;
        let event = Event::from_stored(kind, &self.event_type, &self.event_version, self.payload.0.get())
            .map_err(unreadable)?;
        Ok(RecordedEvent {
            position,
            recorded_at: self.recorded_at,
            stream: StreamId::new(kind, self.aggregate_id),
            sequence: self.sequence,
            event_type: self.event_type,
            event_version: self.event_version,
            payload: self.payload.0.into(),
            metadata: self.metadata.0,
            event,
        })
    }
}

/// Decodes rows up to the first that cannot be read; that one is the error only when it comes first.
fn decode(rows: Vec<Row>) -> Result<Vec<RecordedEvent>, LogError> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        match row.decode() {
            Ok(event) => events.push(event),
            Err(error) if events.is_empty() => return Err(error),
            Err(_) => break,
        }
    }
    Ok(events)
}

/// Decodes rows of which none may be left out.
fn decode_all(rows: Vec<Row>) -> Result<Vec<RecordedEvent>, LogError> {
    rows.into_iter().map(Row::decode).collect()
}

/// The last position given; 0 while the log is empty.
///
/// # Errors
/// When the database does not answer.
pub async fn head(db: impl PgExecutor<'_>) -> Result<LogPosition, LogError> {
    let position: i64 = sqlx::query_scalar("SELECT position FROM event_log_head").fetch_one(db).await?;
    Ok(LogPosition(position))
}

/// The events after a position, in order, at most `limit`. Whoever has read up to N has missed nothing at or below N.
///
/// # Errors
/// When the database does not answer, or the first of them cannot be read (those before an
/// unreadable one are returned first).
pub async fn read_after(
    db: impl PgExecutor<'_>,
    after: LogPosition,
    limit: i64,
) -> Result<Vec<RecordedEvent>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
    decode(sqlx::query_as(&sql).bind(after.0).bind(limit).fetch_all(db).await?)
}

/// A stream's events after a sequence and up to another, in order.
///
/// # Errors
/// As [`read_after`].
pub async fn read_stream(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    after: i64,
    up_to: i64,
) -> Result<Vec<RecordedEvent>, LogError> {
    decode(stream_rows(db, stream, after, up_to).await?)
}

async fn stream_rows(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    after: i64,
    up_to: i64,
) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence > $3 \
         AND sequence <= $4 ORDER BY sequence"
    );
    sqlx::query_as(&sql)
        .bind(stream.kind.as_str())
        .bind(&*stream.id)
        .bind(after)
        .bind(up_to)
        .fetch_all(db)
        .await
}

/// What was appended to these streams after the given sequences, in order of position.
pub(crate) async fn read_newer(
    db: &mut PgConnection,
    streams: &HashMap<StreamId, i64>,
) -> Result<Vec<RecordedEvent>, LogError> {
    let kinds: Vec<&str> = streams.keys().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<&str> = streams.keys().map(|stream| &*stream.id).collect();
    let sequences: Vec<i64> = streams.values().copied().collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, seen_sequence), \
         LATERAL (SELECT * FROM events e WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id \
                  AND e.sequence > seen.seen_sequence ORDER BY e.sequence) AS newer \
         ORDER BY position"
    );
    let rows = sqlx::query_as(&sql).bind(kinds).bind(ids).bind(sequences).fetch_all(db).await?;
    decode_all(rows)
}

/// As [`read_stream`], but with nothing left out: for folding a state.
pub(crate) async fn read_whole(
    db: &mut PgConnection,
    stream: &StreamId,
    after: i64,
    up_to: i64,
) -> Result<Vec<RecordedEvent>, LogError> {
    decode_all(stream_rows(db, stream, after, up_to).await?)
}
