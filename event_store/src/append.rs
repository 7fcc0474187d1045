//! Group commit: one appender a process turns everything that is waiting into one statement.
//!
//! The statement locks the one-row head, gives consecutive positions, inserts, and notifies once;
//! so positions are gapless and in commit order, whatever the number of processes. It writes
//! nothing when somebody else was quicker on one of the streams. Then the appender settles: it
//! stops further decisions, takes the head's lock, reads what it has missed, decides every waiting
//! command again in their order, and stores the result under the same lock. So a conflict costs its
//! neighbours a moment, never their answer, and a caller never has to try again.

mod columns;
mod statement;

use columns::Columns;
use domain::{LogPosition, StreamType};
use sqlx::{PgConnection, Row};

use crate::unit_of_work::Unit;

/// Compares without writing, for a batch of refusals that nobody gave a key.
const COMPARE: &str = "
SELECT EXISTS (
    SELECT 1 FROM unnest($1::text[], $2::text[], $3::bigint[]) AS seen(type, id, sequence),
    LATERAL (SELECT 1 FROM events e
             WHERE e.aggregate_type = seen.type AND e.aggregate_id = seen.id
               AND e.sequence = seen.sequence + 1 LIMIT 1) AS newer
)";

/// What a batch was decided on.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Basis {
    /// On states in memory: they are compared with what is stored.
    Memory,
    /// On what was read under the head's lock: there is nothing to compare.
    Locked,
}

/// What a batch came to.
pub(crate) enum Appended {
    /// It is stored, after this position.
    After(LogPosition),
    /// Somebody was quicker; nothing was stored.
    Conflict,
}

/// Whether commands read streams of this kind that they do not write.
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

/// Stores a batch in one statement, or says that somebody was quicker.
pub(crate) async fn append(
    db: &mut PgConnection,
    units: &[Unit],
    basis: Basis,
) -> Result<Appended, sqlx::Error> {
    let columns = Columns::of(units, basis);
    if columns.events.sequence.is_empty() && columns.keys.key.is_empty() {
        let seen = columns.seen;
        let moved: bool = sqlx::query_scalar(COMPARE)
            .bind(seen.kind)
            .bind(seen.id)
            .bind(seen.sequence)
            .fetch_one(db)
            .await?;
        return Ok(if moved { Appended::Conflict } else { Appended::After(LogPosition::START) });
    }
    match statement::of(columns).build().fetch_optional(db).await {
        Ok(Some(row)) => Ok(Appended::After(LogPosition(row.try_get(0)?))),
        Ok(None) => Ok(Appended::Conflict),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(Appended::Conflict),
        Err(error) => Err(error),
    }
}
