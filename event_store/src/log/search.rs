//! Searches events by stream, type, actor, command, request, time and pizzeria.

use chrono::{DateTime, Utc};
use domain::ids::PizzeriaId;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{COLUMNS, LogEntry, LogError, Row, decode};

/// A filter on events: every condition that is set must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Events of this stream.
    pub stream: Option<StreamId>,
    /// Events of streams of these kinds; of any kind if empty.
    pub kinds: Vec<StreamType>,
    /// Events of these types; of any type if empty.
    pub types: Vec<String>,
    /// Events of a pizzeria: of its own stream, its stock, orders and deliveries, and of its staff while they work
    /// there.
    pub pizzeria: Option<PizzeriaId>,
    /// Events by this actor.
    pub actor: Option<Uuid>,
    /// Events of commands with this name.
    pub command: Option<String>,
    /// Events with one of these correlation ids; with any if empty.
    pub correlation_ids: Vec<String>,
    /// Events recorded at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Events recorded before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Events after this position.
    pub after: Option<LogPosition>,
    /// Events before this position.
    pub before: Option<LogPosition>,
}

/// Replaces NUL, which Postgres neither stores nor accepts.
pub(super) fn text(value: &str) -> String {
    value.replace('\0', "\u{fffd}")
}

impl EventFilter {
    fn push(&self, query: &mut QueryBuilder<'_, Postgres>) {
        if let Some(stream) = &self.stream {
            query.push(" AND aggregate_type = ").push_bind(stream.kind.as_str());
            query.push(" AND aggregate_id = ").push_bind(text(&stream.id));
        }
        self.push_scanned(query);
        if let Some(from) = self.from {
            query.push(" AND recorded_at >= ").push_bind(from);
        }
        if let Some(to) = self.to {
            query.push(" AND recorded_at < ").push_bind(to);
        }
        if let Some(after) = self.after {
            query.push(" AND position > ").push_bind(after.0);
        }
        if let Some(before) = self.before {
            query.push(" AND position < ").push_bind(before.0);
        }
    }

    /// Appends the conditions that no index serves.
    pub(super) fn push_scanned(&self, query: &mut QueryBuilder<'_, Postgres>) {
        if !self.kinds.is_empty() {
            let kinds: Vec<_> = self.kinds.iter().map(|kind| kind.as_str()).collect();
            query.push(" AND aggregate_type = ANY(").push_bind(kinds).push(")");
        }
        if !self.types.is_empty() {
            let types: Vec<_> = self.types.iter().map(|name| text(name)).collect();
            query.push(" AND event_type = ANY(").push_bind(types).push(")");
        }
        if let Some(pizzeria) = &self.pizzeria {
            // The first event of a stream of another kind names the pizzeria.
            query.push(
                " AND CASE WHEN aggregate_type IN ('pizzeria', 'stock', 'closing') THEN aggregate_id = ",
            );
            query.push_bind(pizzeria.as_str().to_owned());
            // Staff move: the posting at the event's position counts.
            query.push(
                " WHEN aggregate_type = 'staff' AND EXISTS (SELECT FROM staff_postings AS there \
                 WHERE there.staff_id = aggregate_id AND there.position <= events.position) \
                 THEN (SELECT there.pizzeria FROM staff_postings AS there WHERE there.staff_id = aggregate_id \
                 AND there.position <= events.position ORDER BY there.position DESC LIMIT 1) = ",
            );
            query.push_bind(pizzeria.as_str().to_owned());
            query.push(
                " ELSE (SELECT COALESCE(first.payload->'placement'->>'pizzeria', first.payload->>'pizzeria') \
                 FROM events AS first WHERE first.aggregate_type = events.aggregate_type \
                 AND first.aggregate_id = events.aggregate_id AND first.sequence = 1) = ",
            );
            query.push_bind(pizzeria.as_str().to_owned()).push(" END");
        }
        if let Some(actor) = self.actor {
            query.push(" AND metadata->>'actor' = ").push_bind(actor.to_string());
        }
        if let Some(command) = &self.command {
            query.push(" AND metadata->>'command' = ").push_bind(text(command));
        }
        if !self.correlation_ids.is_empty() {
            let ids: Vec<_> = self.correlation_ids.iter().map(|id| text(id)).collect();
            query.push(" AND metadata->>'correlationId' = ANY(").push_bind(ids).push(")");
        }
    }
}

/// Returns the first events that match a filter, or the last, at most `limit`; in order of position either way. The scan
/// is not bounded: for the program's own filters. Filters of clients go through [`super::find`].
///
/// # Errors
/// The database does not answer.
pub async fn search(
    db: impl PgExecutor<'_>,
    filter: &EventFilter,
    limit: i64,
    last: bool,
) -> Result<Vec<LogEntry>, LogError> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM events WHERE true"));
    filter.push(&mut query);
    query.push(if last { " ORDER BY position DESC LIMIT " } else { " ORDER BY position LIMIT " });
    query.push_bind(limit);
    let mut rows: Vec<Row> = query.build_query_as().fetch_all(db).await?;
    if last {
        rows.reverse();
    }
    Ok(decode(rows))
}

/// Returns the first events of several streams after a position, at most `limit` each, in one statement; by stream, in
/// order.
///
/// # Errors
/// The database does not answer.
pub async fn histories(
    db: impl PgExecutor<'_>,
    streams: &[StreamId],
    after: LogPosition,
    limit: i64,
) -> Result<Vec<LogEntry>, LogError> {
    // From the start a stream is read directly; otherwise the sequence at the position is looked up first.
    let start = if after > LogPosition::START {
        SEQUENCE_AT.replace("$1", "asked.kind").replace("$2", "asked.id")
    } else {
        "SELECT 0::bigint AS low".to_owned()
    };
    let sql = format!(
        "SELECT found.* FROM (SELECT DISTINCT * FROM unnest($1::text[], $2::text[])) AS asked (kind, id) \
         CROSS JOIN LATERAL ({start}) AS start \
         CROSS JOIN LATERAL (SELECT {COLUMNS} FROM events WHERE aggregate_type = asked.kind \
         AND aggregate_id = asked.id AND sequence > start.low AND position > $3 ORDER BY sequence LIMIT $4) AS found \
         ORDER BY aggregate_type, aggregate_id, sequence"
    );
    let kinds: Vec<_> = streams.iter().map(|stream| stream.kind.as_str()).collect();
    let ids: Vec<_> = streams.iter().map(|stream| text(&stream.id)).collect();
    let rows = sqlx::query_as(&sql).bind(kinds).bind(ids).bind(after.0).bind(limit).fetch_all(db).await?;
    Ok(decode(rows))
}

/// A range of one stream: after one sequence and up to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The stream.
    pub stream: StreamId,
    /// Exclusive lower bound of the sequence.
    pub after: i64,
    /// Inclusive upper bound of the sequence.
    pub up_to: i64,
}

/// Returns the events of several ranges in one statement; by stream, in order. Ranges of one stream must not overlap.
///
/// # Errors
/// The database does not answer.
pub async fn spans(db: impl PgExecutor<'_>, spans: &[Span]) -> Result<Vec<LogEntry>, LogError> {
    let sql = format!(
        "SELECT found.* FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[]) \
         AS asked (kind, id, behind, up_to) \
         CROSS JOIN LATERAL (SELECT {COLUMNS} FROM events WHERE aggregate_type = asked.kind \
         AND aggregate_id = asked.id AND sequence > asked.behind AND sequence <= asked.up_to \
         ORDER BY sequence) AS found ORDER BY aggregate_type, aggregate_id, sequence"
    );
    let kinds: Vec<_> = spans.iter().map(|span| span.stream.kind.as_str()).collect();
    let ids: Vec<_> = spans.iter().map(|span| text(&span.stream.id)).collect();
    let after: Vec<_> = spans.iter().map(|span| span.after).collect();
    let up_to: Vec<_> = spans.iter().map(|span| span.up_to).collect();
    let rows = sqlx::query_as(&sql).bind(kinds).bind(ids).bind(after).bind(up_to).fetch_all(db).await?;
    Ok(decode(rows))
}

/// Returns the events at some positions, in order; with a pizzeria only its own, as [`EventFilter::pizzeria`].
///
/// # Errors
/// The database does not answer.
pub async fn at_positions(
    db: impl PgExecutor<'_>,
    positions: &[LogPosition],
    pizzeria: Option<&PizzeriaId>,
) -> Result<Vec<LogEntry>, LogError> {
    let mut query = QueryBuilder::new(format!("SELECT {COLUMNS} FROM (SELECT DISTINCT unnest("));
    query.push_bind(positions.iter().map(|position| position.0).collect::<Vec<_>>());
    query.push("::bigint[]) AS position) AS asked JOIN events USING (position) WHERE true");
    EventFilter { pizzeria: pizzeria.cloned(), ..EventFilter::default() }.push(&mut query);
    query.push(" ORDER BY position");
    Ok(decode(query.build_query_as().fetch_all(db).await?))
}

/// Returns a stream's last sequence at or before the position `$3`, by binary search in the index: it has no positions,
/// but within a stream they grow with the sequence.
const SEQUENCE_AT: &str = "\
WITH RECURSIVE search (low, high) AS ( \
    SELECT 0::bigint, COALESCE((SELECT sequence FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 \
                                ORDER BY sequence DESC LIMIT 1), 0) \
    UNION ALL \
    SELECT CASE WHEN is_before THEN middle ELSE low END, CASE WHEN is_before THEN high ELSE middle - 1 END \
    FROM (SELECT low, high, (low + high + 1) / 2 AS middle, COALESCE((SELECT e.position <= $3 FROM events e \
          WHERE e.aggregate_type = $1 AND e.aggregate_id = $2 AND e.sequence = (low + high + 1) / 2), false) AS is_before \
          FROM search WHERE low < high) AS step \
) SELECT low FROM search WHERE low = high";

/// Returns a stream's last sequence at or before a position; 0 before its first event.
///
/// # Errors
/// The database does not answer.
pub async fn sequence_at(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    position: LogPosition,
) -> Result<i64, LogError> {
    let query =
        sqlx::query_scalar(SEQUENCE_AT).bind(stream.kind.as_str()).bind(text(&stream.id)).bind(position.0);
    Ok(query.fetch_one(db).await?)
}

/// Returns the position of a stream's event; 0 if the stream has no such event.
///
/// # Errors
/// The database does not answer.
pub async fn position_of(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    sequence: i64,
) -> Result<LogPosition, LogError> {
    let sql = "SELECT position FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence = $3";
    let query = sqlx::query_scalar(sql).bind(stream.kind.as_str()).bind(text(&stream.id)).bind(sequence);
    Ok(LogPosition(query.fetch_optional(db).await?.unwrap_or(0)))
}

/// Returns the pizzeria that a member of staff worked in at a position of the log; `None` without a known posting,
/// `Some(None)` for staff of the group.
///
/// # Errors
/// The database does not answer, or a row cannot be read.
pub async fn posting_at(
    db: impl PgExecutor<'_>,
    staff: &StreamId,
    position: LogPosition,
) -> Result<Option<Option<PizzeriaId>>, LogError> {
    let sql = "SELECT pizzeria FROM staff_postings WHERE staff_id = $1 AND position <= $2 \
               ORDER BY position DESC LIMIT 1";
    let query = sqlx::query_scalar(sql).bind(text(&staff.id)).bind(position.0);
    let found: Option<Option<String>> = query.fetch_optional(db).await?;
    Ok(found.map(|pizzeria| pizzeria.and_then(|code| code.parse().ok())))
}
