//! Group commit: the appender of a process stores its whole queue in one statement.
//!
//! The statement locks the one-row head, assigns consecutive positions, inserts, and notifies once, so
//! positions are gapless and in commit order for any number of processes. On a version conflict it
//! writes nothing. Then the appender settles: it blocks new decisions, locks the head row, reads the
//! events it has missed, decides every queued command again in order, and stores the decisions under
//! the same lock. A conflict delays the other commands of the batch but does not fail them, and no
//! caller has to retry.

mod columns;
mod statement;

use columns::Columns;
use domain::{LogPosition, StreamType};
use sqlx::{PgConnection, Row};

use crate::unit_of_work::Unit;

/// Compares versions without writing, for a batch of refusals without idempotency keys. The condition is that of the
/// database's function `lock_log_head`.
const COMPARE: &str = "
SELECT EXISTS (
    SELECT FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, sequence)
    WHERE seen.sequence <> COALESCE((SELECT e.sequence FROM events e
        WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
        ORDER BY e.sequence DESC LIMIT 1), 0)
)";
/// SQLSTATE of `lock_log_head` if a stream is not at the version that the batch was decided on.
const MOVED: &str = "40001";

/// Result of [`append`].
pub(crate) enum AppendResult {
    /// The batch is stored after this position.
    After(LogPosition),
    /// Version conflict: another writer advanced a stream; nothing was written.
    Conflict,
}

/// Returns whether the head's row holds the position of the last event of this kind, which release 0.1 compares.
pub(crate) fn is_setting(kind: StreamType) -> bool {
    match kind {
        StreamType::Menu | StreamType::Pizzeria => true,
        StreamType::Order
        | StreamType::Stock
        | StreamType::Delivery
        | StreamType::Staff
        | StreamType::Customer
        | StreamType::Closing => false,
    }
}

/// Stores a batch in one statement, or reports a version conflict.
pub(crate) async fn append(db: &mut PgConnection, units: &[Unit]) -> Result<AppendResult, sqlx::Error> {
    let columns = Columns::of(units);
    if columns.events.sequence.is_empty() && columns.keys.key.is_empty() {
        let seen = columns.seen;
        let moved: bool = sqlx::query_scalar(COMPARE)
            .bind(seen.kind)
            .bind(seen.id)
            .bind(seen.sequence)
            .fetch_one(db)
            .await?;
        return Ok(if moved { AppendResult::Conflict } else { AppendResult::After(LogPosition::START) });
    }
    store(db, columns).await
}

/// Events of a stream that the domain does not know, to be stored after a version of it.
pub(crate) struct ForeignEvents<'a> {
    pub kind: &'a str,
    pub id: &'a str,
    pub version: i64,
    pub events: Vec<ForeignEvent>,
    pub metadata: &'a str,
}

/// One of [`ForeignEvents`].
pub(crate) struct ForeignEvent {
    pub event_type: String,
    pub event_version: String,
    pub payload: String,
}

/// Stores foreign events in one statement, or reports a version conflict.
pub(crate) async fn append_foreign(
    db: &mut PgConnection,
    events: &ForeignEvents<'_>,
) -> Result<AppendResult, sqlx::Error> {
    store(db, Columns::of_foreign(events)).await
}

async fn store(db: &mut PgConnection, columns: Columns<'_>) -> Result<AppendResult, sqlx::Error> {
    match statement::of(columns).build().fetch_optional(db).await {
        Ok(Some(row)) => Ok(AppendResult::After(LogPosition(row.try_get(0)?))),
        Ok(None) => Ok(AppendResult::Conflict),
        Err(sqlx::Error::Database(error))
            if error.is_unique_violation() || error.code().as_deref() == Some(MOVED) =>
        {
            Ok(AppendResult::Conflict)
        }
        Err(error) => Err(error),
    }
}
