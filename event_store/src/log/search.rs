//! Finding events by what they say about themselves: stream, type, actor, command, request, time, place.

use chrono::{DateTime, Utc};
use domain::ids::PizzeriaId;
use domain::{LogPosition, StreamId, StreamType};
use sqlx::{PgExecutor, Postgres, QueryBuilder};
use uuid::Uuid;

use super::{COLUMNS, LogEntry, LogError, Row, decode};

/// Which events; everything that is given must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of one stream.
    pub stream: Option<StreamId>,
    /// Of streams of these kinds; of any kind when empty.
    pub kinds: Vec<StreamType>,
    /// Of these types; of any type when empty.
    pub types: Vec<String>,
    /// Of streams that belong to a pizzeria: its own, its stock, its orders and deliveries; and of its staff the
    /// events from while they work there.
    pub pizzeria: Option<PizzeriaId>,
    /// By this actor.
    pub actor: Option<Uuid>,
    /// Of commands of this name.
    pub command: Option<String>,
    /// Of this request.
    pub correlation_id: Option<String>,
    /// Recorded at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Recorded before this instant.
    pub to: Option<DateTime<Utc>>,
    /// Behind this position.
    pub after: Option<LogPosition>,
    /// Before this position.
    pub before: Option<LogPosition>,
}

/// Text that a database can be asked for: it stores no NUL, so nothing is found with one.
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

    /// What no index holds: events are looked at one by one.
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
            // A stream of another kind says in its first event where it is.
            query.push(
                " AND CASE WHEN aggregate_type IN ('pizzeria', 'stock', 'closing') THEN aggregate_id = ",
            );
            query.push_bind(pizzeria.as_str().to_owned());
            // Staff move: what counts is where they worked then.
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
        if let Some(correlation_id) = &self.correlation_id {
            query.push(" AND metadata->>'correlationId' = ").push_bind(text(correlation_id));
        }
    }
}

/// The first events that a filter lets through, or the last, at most `limit`; in order of position either way. However
/// many are looked at: for the program's own filters. What callers ask for goes through [`super::find`].
///
/// # Errors
/// When the database does not answer.
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

/// The beginnings of several streams behind a position, at most `limit` events each, in one statement;
/// by stream, in order.
///
/// # Errors
/// When the database does not answer.
pub async fn histories(
    db: impl PgExecutor<'_>,
    streams: &[StreamId],
    after: LogPosition,
    limit: i64,
) -> Result<Vec<LogEntry>, LogError> {
    // From the beginning on a stream is read as it lies; from elsewhere its place is looked for first.
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

/// A stretch of one stream: behind one sequence and up to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which stream.
    pub stream: StreamId,
    /// Behind this sequence.
    pub after: i64,
    /// Up to this sequence.
    pub up_to: i64,
}

/// Several stretches in one statement; by stream, in order. Stretches of one stream do not overlap.
///
/// # Errors
/// When the database does not answer.
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

/// The events at some positions, in order; with a pizzeria, those of it only, as [`EventFilter::pizzeria`].
///
/// # Errors
/// When the database does not answer.
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

/// Finds how far a stream had come at a position, `$3`: one lookup in the index for each binary digit of its length. The
/// index of streams has no positions, but within a stream they rise with the sequence.
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

/// How far a stream had come at a position of the log: its last sequence at or before it; 0 before its first event.
///
/// # Errors
/// When the database does not answer.
pub async fn sequence_at(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    position: LogPosition,
) -> Result<i64, LogError> {
    let query =
        sqlx::query_scalar(SEQUENCE_AT).bind(stream.kind.as_str()).bind(text(&stream.id)).bind(position.0);
    Ok(query.fetch_one(db).await?)
}

/// Where an event of a stream is in the log; 0 when there is no such.
///
/// # Errors
/// When the database does not answer.
pub async fn position_of(
    db: impl PgExecutor<'_>,
    stream: &StreamId,
    sequence: i64,
) -> Result<LogPosition, LogError> {
    let sql = "SELECT position FROM events WHERE aggregate_type = $1 AND aggregate_id = $2 AND sequence = $3";
    let query = sqlx::query_scalar(sql).bind(stream.kind.as_str()).bind(text(&stream.id)).bind(sequence);
    Ok(LogPosition(query.fetch_optional(db).await?.unwrap_or(0)))
}

/// The pizzeria that a member of staff worked in at a position of the log; `None` where no posting is known, `Some(None)`
/// for the people of the group.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
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
