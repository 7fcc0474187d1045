//! Finds events by a client's filter at a bounded cost: through an index, or by a scan of at most [`MAX_SCANNED_EVENTS`]
//! events for one page.

use domain::LogPosition;
use sqlx::{PgConnection, Postgres, QueryBuilder};

use super::search::{EventFilter, text};
use super::{COLUMNS, LogEntry, LogError, Row, decode};

/// Upper bound on the events scanned for one page: about 50 ms of database time.
pub const MAX_SCANNED_EVENTS: i64 = 10_000;

/// Why a page of events was refused.
#[derive(Debug, thiserror::Error)]
pub enum FindError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// No index serves the filter, and it does not bound the part of the log to scan.
    #[error("the filter needs a bounded part of the log, of at most {MAX_SCANNED_EVENTS} events")]
    Unbounded,
    /// No index serves the filter, and its part of the log is too long to scan.
    #[error("the filter covers {events} events, and {MAX_SCANNED_EVENTS} are looked at")]
    TooWide {
        /// Number of events in the part.
        events: i64,
    },
}

impl From<sqlx::Error> for FindError {
    fn from(error: sqlx::Error) -> Self {
        Self::Log(error.into())
    }
}

/// Returns the last position recorded before an instant, or 0. A binary search in one statement: `recorded_at` never
/// decreases with position.
const RECORDED_BEFORE: &str = "\
WITH RECURSIVE search (low, high) AS ( \
    SELECT 0::bigint, position FROM event_log_head \
    UNION ALL \
    SELECT CASE WHEN is_before THEN middle ELSE low END, CASE WHEN is_before THEN high ELSE middle - 1 END \
    FROM (SELECT low, high, (low + high + 1) / 2 AS middle, COALESCE((SELECT e.recorded_at < $1 FROM events e \
          WHERE e.position = (low + high + 1) / 2), false) AS is_before FROM search WHERE low < high) AS step \
) SELECT low FROM search WHERE low = high";

async fn recorded_before(
    db: &mut PgConnection,
    at: chrono::DateTime<chrono::Utc>,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar(RECORDED_BEFORE).bind(at).fetch_one(db).await
}

/// A part of the log: the events after one position and before another; for one stream, by sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Part {
    behind: i64,
    before: i64,
}

impl Part {
    fn events(self) -> i64 {
        self.before.saturating_sub(self.behind).saturating_sub(1).max(0)
    }
}

impl EventFilter {
    /// Returns whether events must be scanned because no index serves the filter.
    pub fn is_scan(&self) -> bool {
        let Self { stream: _, kinds, types, pizzeria, actor, command, correlation_ids, .. } = self;
        !kinds.is_empty()
            || !types.is_empty()
            || pizzeria.is_some()
            || actor.is_some()
            || command.is_some()
            || !correlation_ids.is_empty()
    }

    /// Returns whether the filter must bound its part of the log. A filter by pizzeria alone need not: every pizzeria has
    /// its share of the events, so a page fills soon.
    fn needs_bounds(&self) -> bool {
        Self { pizzeria: None, ..self.clone() }.is_scan()
    }

    /// Returns whether the filter bounds its part of the log.
    fn is_bounded(&self) -> bool {
        let Self { from, to, after, before, .. } = self;
        from.is_some() || to.is_some() || after.is_some() || before.is_some()
    }
}

/// Returns the part of the log within a filter's bounds.
async fn part_of(db: &mut PgConnection, filter: &EventFilter) -> Result<Part, FindError> {
    let head = super::head(&mut *db).await?.0;
    let mut part =
        Part { behind: filter.after.map_or(0, |after| after.0.max(0)), before: head.saturating_add(1) };
    if let Some(before) = filter.before {
        part.before = part.before.min(before.0);
    }
    if let Some(from) = filter.from {
        part.behind = part.behind.max(recorded_before(&mut *db, from).await?);
    }
    if let Some(to) = filter.to {
        part.before = part.before.min(recorded_before(&mut *db, to).await?.saturating_add(1));
    }
    Ok(part)
}

/// Returns the first events that match a filter, or the last, at most `limit`; in order of position either way.
///
/// # Errors
/// [`FindError`].
pub async fn find(
    db: &mut PgConnection,
    filter: &EventFilter,
    limit: i64,
    last: bool,
) -> Result<Vec<LogEntry>, FindError> {
    if filter.needs_bounds() && filter.stream.is_none() && !filter.is_bounded() {
        return Err(FindError::Unbounded);
    }
    let mut part = part_of(&mut *db, filter).await?;
    let mut query = QueryBuilder::<Postgres>::new(format!("SELECT {COLUMNS} FROM events WHERE "));
    let order = match &filter.stream {
        // By sequence, which grows with position: the index of streams has no positions.
        Some(stream) => {
            let sequence = async |db: &mut PgConnection, position: i64| {
                super::sequence_at(db, stream, LogPosition(position)).await
            };
            part = Part {
                behind: sequence(&mut *db, part.behind).await?,
                before: sequence(&mut *db, part.before.saturating_sub(1)).await?.saturating_add(1),
            };
            query.push("aggregate_type = ").push_bind(stream.kind.as_str());
            query.push(" AND aggregate_id = ").push_bind(text(&stream.id)).push(" AND ");
            "sequence"
        }
        None => "position",
    };
    let events = part.events();
    let is_too_wide = filter.is_scan() && events > MAX_SCANNED_EVENTS;
    if is_too_wide && filter.needs_bounds() {
        return Err(FindError::TooWide { events });
    }
    if is_too_wide && last {
        part.behind = part.before - 1 - MAX_SCANNED_EVENTS;
    } else if is_too_wide {
        part.before = part.behind + 1 + MAX_SCANNED_EVENTS;
    }
    query.push(format!("{order} > ")).push_bind(part.behind);
    query.push(format!(" AND {order} < ")).push_bind(part.before);
    filter.push_scanned(&mut query);
    let direction = if last { "DESC" } else { "ASC" };
    query.push(format!(" ORDER BY {order} {direction} LIMIT ")).push_bind(limit);
    // Not prepared: the best plan depends on the values.
    let rows = query.build_query_as().persistent(false).fetch_all(db).await;
    let mut rows: Vec<Row> = rows?;
    // An incomplete page might be complete after a longer scan.
    if is_too_wide && i64::try_from(rows.len()).unwrap_or(i64::MAX) < limit {
        return Err(FindError::TooWide { events });
    }
    if last {
        rows.reverse();
    }
    Ok(decode(rows))
}
