//! Reads the log by position or by stream.

mod entry;
mod find;
mod search;

use std::collections::HashMap;
use std::sync::Arc;

use domain::event::UnreadableEvent;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::{PgConnection, PgExecutor};

use entry::{COLUMNS, Row};
pub use entry::{EventClass, LogEntry, Metadata, RecordedEvent, UnreadableRecord};
pub use find::{FindError, MAX_SCANNED_EVENTS, find};
pub use search::{
    EventFilter, Span, at_positions, histories, position_of, posting_at, search, sequence_at, spans,
};

/// Why the log could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The database does not answer.
    #[error("the log cannot be read")]
    Database(#[from] sqlx::Error),
    /// This program cannot read a required event.
    #[error("the event at position {position} cannot be read")]
    Unreadable {
        /// Position of the event.
        position: LogPosition,
        /// The cause.
        #[source]
        source: Arc<UnreadableEvent>,
    },
}

/// Decodes rows, including those that this program cannot read.
fn decode(rows: Vec<Row>) -> Vec<LogEntry> {
    rows.into_iter().map(LogEntry::from).collect()
}

/// Decodes rows up to the first unreadable one, which is an error only if it is the first row.
fn decode_readable(rows: Vec<Row>) -> Result<Vec<RecordedEvent>, LogError> {
    let mut events = Vec::with_capacity(rows.len());
    for row in rows {
        match row.decode() {
            Ok(event) => events.push(event),
            Err(record) if events.is_empty() => return Err(record.error()),
            Err(_) => break,
        }
    }
    Ok(events)
}

/// Returns the log's last position; 0 while the log is empty.
///
/// # Errors
/// The database does not answer.
pub async fn head(db: impl PgExecutor<'_>) -> Result<LogPosition, LogError> {
    let position: i64 = sqlx::query_scalar("SELECT position FROM event_log_head").fetch_one(db).await?;
    Ok(LogPosition(position))
}

/// Returns the entries after a position, in order, at most `limit`. Positions are gapless: a reader of position N has
/// missed nothing at or below N.
///
/// # Errors
/// The database does not answer.
pub async fn read_after(
    db: impl PgExecutor<'_>,
    after: LogPosition,
    limit: i64,
) -> Result<Vec<LogEntry>, LogError> {
    let sql = format!("SELECT {COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
    Ok(decode(sqlx::query_as(&sql).bind(after.0).bind(limit).fetch_all(db).await?))
}

/// Consecutive entries of the log, some of them without their payload.
#[derive(Debug, Default)]
pub struct Excerpt {
    /// The entries that were read.
    pub entries: Vec<LogEntry>,
    /// Position and type of the entries that were passed over.
    pub passed: Vec<(LogPosition, String)>,
}

/// Reads as [`read_after`], but passes over some kinds of streams: their payloads are neither fetched nor decoded.
///
/// # Errors
/// The database does not answer.
pub async fn excerpt_after(
    db: impl PgExecutor<'_>,
    passes: &[StreamType],
    after: LogPosition,
    limit: i64,
) -> Result<Excerpt, LogError> {
    let sql = "SELECT position, recorded_at, aggregate_type, aggregate_id, sequence, event_type, event_version, \
               CASE WHEN passed THEN 'null' ELSE payload END AS payload, \
               CASE WHEN passed THEN 'null' ELSE metadata END AS metadata \
               FROM (SELECT *, aggregate_type = ANY($3) AS passed FROM events WHERE position > $1) AS e \
               ORDER BY position LIMIT $2";
    let passes: Vec<&str> = passes.iter().map(|kind| kind.as_str()).collect();
    let rows: Vec<Row> = sqlx::query_as(sql).bind(after.0).bind(limit).bind(&passes).fetch_all(db).await?;
    let mut excerpt = Excerpt::default();
    for row in rows {
        if passes.contains(&row.stream_type()) {
            excerpt.passed.push(row.mark());
        } else {
            excerpt.entries.push(row.into());
        }
    }
    Ok(excerpt)
}

/// Returns a stream's events after one sequence and up to another, in order; those before an unreadable event, if there
/// is one.
///
/// # Errors
/// The database does not answer, or the first event cannot be read.
pub async fn read_stream(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    after: i64,
    up_to: i64,
) -> Result<Vec<RecordedEvent>, LogError> {
    decode_readable(stream_rows(db, stream, after, up_to).await?)
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

/// Returns the events of some streams up to a position, in order of position, at most `limit`.
///
/// # Errors
/// The database does not answer.
pub async fn read_streams(
    db: impl PgExecutor<'_>,
    streams: &[StreamId],
    up_to: LogPosition,
    limit: i64,
) -> Result<Vec<LogEntry>, LogError> {
    let kinds: Vec<&str> = streams.iter().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<&str> = streams.iter().map(|stream| &*stream.id).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::text[], $2::text[]) AS asked(type, id), \
         LATERAL (SELECT * FROM events e WHERE e.aggregate_type = asked.type AND e.aggregate_id = asked.id \
                  AND e.position <= $3) AS found \
         ORDER BY position LIMIT $4"
    );
    let rows = sqlx::query_as(&sql).bind(kinds).bind(ids).bind(up_to.0).bind(limit).fetch_all(db).await?;
    Ok(decode(rows))
}

/// Returns the events of these streams after the given sequences, in order of position.
pub(crate) async fn read_newer(
    db: &mut PgConnection,
    streams: &HashMap<StreamId, i64>,
) -> Result<Vec<LogEntry>, LogError> {
    let kinds: Vec<&str> = streams.keys().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<&str> = streams.keys().map(|stream| &*stream.id).collect();
    let sequences: Vec<i64> = streams.values().copied().collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, seen_sequence), \
         LATERAL (SELECT * FROM events e WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id \
                  AND e.sequence > seen.seen_sequence ORDER BY e.sequence) AS newer \
         ORDER BY position"
    );
    Ok(decode(sqlx::query_as(&sql).bind(kinds).bind(ids).bind(sequences).fetch_all(db).await?))
}

/// Reads as [`read_stream`], but fails on any unreadable event: for folding a state.
pub(crate) async fn read_whole(
    db: &mut PgConnection,
    stream: &StreamId,
    after: i64,
    up_to: i64,
) -> Result<Vec<RecordedEvent>, LogError> {
    stream_rows(db, stream, after, up_to)
        .await?
        .into_iter()
        .map(|row| row.decode().map_err(|record| record.error()))
        .collect()
}
