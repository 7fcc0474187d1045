//! Point-in-time restore: where to cut the log so that no command is split, and how to bring the facts back to that
//! point.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::EventType;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use crate::format::{FormatError, damaged};

/// Point up to which a log is restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreTarget {
    /// The last whole command up to this position.
    Position(i64),
    /// The last whole command recorded by this time.
    Time(DateTime<Utc>),
}

impl FromStr for RestoreTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return if position > 0 {
                Ok(Self::Position(position))
            } else {
                Err(format!("a position must be at least 1, not {position}"))
            };
        }
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self::Time(time.to_utc()))
            .map_err(|_| "must be a position or a time such as 2026-11-24T20:00:00Z".to_owned())
    }
}

/// The backup does not reach the restore target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreTargetError {
    /// The backup ends before the target position.
    #[error("the backup ends at position {0}: give a position up to it")]
    After(i64),
    /// No whole command precedes the target.
    #[error("no whole command of the log is that old: give a later position or time")]
    Before,
}

/// Place where a log is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Position of the last event that stays.
    pub position: i64,
    /// Time at which that event was recorded.
    pub recorded_at: DateTime<Utc>,
    /// Position up to which every reaction to an event stays: events after the cut have later causes.
    pub reacted: i64,
    /// SHA-256 of the rows that stay, in hexadecimal.
    pub sha256: String,
}

/// Last event of a command, with the digest of all rows up to it.
#[derive(Clone)]
struct End {
    position: i64,
    recorded_at: String,
    digest: Sha256,
}

/// Finds the place to cut while it reads the rows of the log.
pub(super) struct CutFinder {
    until: RestoreTarget,
    /// Indexes of the columns position, recorded_at and metadata.
    columns: [usize; 3],
    /// Metadata of the previous row. Events of one command share it.
    metadata: Vec<u8>,
    last: Option<End>,
    border: Option<End>,
    /// The first cause of the events after `border`.
    first_cause: Option<i64>,
    past: bool,
}

impl CutFinder {
    pub(super) fn new(until: RestoreTarget, columns: &[String]) -> Self {
        let place = |name: &str| columns.iter().position(|column| column == name).unwrap_or(usize::MAX);
        let columns = [place("position"), place("recorded_at"), place("metadata")];
        Self {
            until,
            columns,
            metadata: Vec::new(),
            last: None,
            border: None,
            first_cause: None,
            past: false,
        }
    }

    pub(super) fn rows(&mut self, rows: &[u8]) -> Result<(), FormatError> {
        for line in rows.split_inclusive(|byte| *byte == b'\n') {
            self.row(line).ok_or_else(|| damaged("the row of an event is not valid"))?;
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Option<()> {
        let fields: Vec<&[u8]> = line.strip_suffix(b"\n")?.split(|byte| *byte == b'\t').collect();
        let field = |place: usize| fields.get(self.columns[place]).copied();
        let metadata = field(2)?;
        if self.past {
            self.note_cause(metadata);
            return Some(());
        }
        let position: i64 = std::str::from_utf8(field(0)?).ok()?.parse().ok()?;
        let recorded_at = std::str::from_utf8(field(1)?).ok()?;
        if self.metadata != metadata {
            self.border.clone_from(&self.last);
            self.first_cause = None;
            metadata.clone_into(&mut self.metadata);
        }
        self.note_cause(metadata);
        self.past = match self.until {
            RestoreTarget::Position(until) => position > until,
            RestoreTarget::Time(until) => time(recorded_at)? > until,
        };
        if !self.past {
            let mut digest = self.last.take().map_or_else(Sha256::new, |last| last.digest);
            digest.update(line);
            self.last = Some(End { position, recorded_at: recorded_at.to_owned(), digest });
        }
        Some(())
    }

    fn note_cause(&mut self, metadata: &[u8]) {
        let causes = self.first_cause.into_iter().chain(cause(metadata));
        self.first_cause = causes.min();
    }

    /// Returns where to cut a log that ends at position `end`, or `None` if the whole log stays.
    pub(super) fn cut(self, end: i64) -> Result<Option<Cut>, RestoreTargetError> {
        if !self.past {
            return match self.until {
                RestoreTarget::Position(until) if until > end => Err(RestoreTargetError::After(end)),
                RestoreTarget::Position(_) | RestoreTarget::Time(_) => Ok(None),
            };
        }
        // `border` ends the last command before the target: a command that the target splits is cut whole.
        let End { position, recorded_at, digest } = self.border.ok_or(RestoreTargetError::Before)?;
        let recorded_at = time(&recorded_at).ok_or(RestoreTargetError::Before)?;
        let reacted = self.first_cause.map_or(i64::MAX, |cause| cause - 1);
        Ok(Some(Cut { position, recorded_at, reacted, sha256: hex::encode(digest.finalize()) }))
    }
}

/// Returns the position of an event's cause from its metadata: `epoch/position`, or a number up to release 0.1. Quotes
/// inside a value are escaped, so the names are found as keys only.
fn cause(metadata: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(metadata).ok()?;
    let after = |name: &str| text.split_once(name).map(|(_, value)| value);
    let number = after("\"causation\":\"")
        .and_then(|value| value.split_once('/'))
        .map(|(_, position)| position)
        .or_else(|| after("\"causationId\":"))?;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..digits)?.parse().ok()
}

/// Parses a time as COPY writes it.
fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|time| time.to_utc())
}

/// Returns the condition for the rows of a table that are restored when the log is cut.
pub(super) fn only(table: &str, cut: &Cut) -> Option<String> {
    match table {
        "events" => Some(format!("position <= {}", cut.position)),
        "tree_heads" | "tree_resumptions" => Some(format!("size <= {}", cut.position)),
        _ => None,
    }
}

/// Statements that bring the facts back to the cut. `$1` is the last position, `$2` its time, `$3` the types of events
/// that capture a charge, `$4` the position before which every reaction stays.
const CUT_STATEMENTS: &[&str] = &[
    // Keys of commands that were cut off: a repeated command runs again.
    "DELETE FROM idempotency_keys WHERE position > $1 OR (position IS NULL AND recorded_at > $2)",
    // Contacts of orders that were cut off, and of later proofs of delivery.
    "DELETE FROM contacts c WHERE recorded_at > $2 OR order_id IS NOT NULL AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = c.order_id::text)",
    "DELETE FROM notes n WHERE created_at > $2 OR order_id IS NOT NULL AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = n.order_id::text)",
    // Contact retention reads the log again from the start. The retention of a reason does not depend on the log.
    "UPDATE contacts SET closed_at = NULL WHERE closed_at IS NOT NULL",
    "UPDATE notes SET closed_at = NULL WHERE closed_at IS NOT NULL AND purpose <> 'REASON'",
    "UPDATE personal_data_progress SET position = 0",
    // A reactor goes back to the first event whose reaction was cut off ($4), and not before its start.
    "UPDATE checkpoints SET position = back.at, events_applied = back.at, failed_position = NULL, failure = NULL \
     FROM (SELECT c.name, GREATEST(c.started, LEAST(c.position, $1, $4)) AS at FROM checkpoints c) AS back \
     WHERE checkpoints.name = back.name AND checkpoints.name LIKE 'reactor:%'",
    // A dead letter after that event is sent again.
    "DELETE FROM dead_letters WHERE position > LEAST($1, $4)",
    // The access of accounts is set again from the start.
    "DELETE FROM checkpoints WHERE name = 'reactor:account_access'",
    // Accounts without an event in the log.
    "DELETE FROM accounts a WHERE (access_position IS NULL OR access_position > $1) AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type IN ('customer', 'staff') AND e.aggregate_id = a.id::text)",
    // The log sets the access of accounts again. Passwords and details keep their latest values.
    "UPDATE accounts SET access_position = 0, password_position = LEAST(password_position, $1), \
     details_position = LEAST(details_position, $1)",
    // Charges whose capture was cut off are settled again: captured if the order is still at their version, refunded
    // otherwise. At most one per order, because an order has at most one open intent.
    "UPDATE payment_intents SET ending = NULL, ended_at = NULL, due_at = now(), tries = 0 \
     WHERE id IN (SELECT DISTINCT ON (p.order_id) p.id FROM payment_intents p WHERE p.ending = 'CAPTURED' \
     AND NOT EXISTS (SELECT FROM payment_intents o WHERE o.order_id = p.order_id AND o.ending IS NULL) \
     AND NOT EXISTS (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = p.order_id::text \
     AND e.sequence IN (p.order_version + 1, p.order_version + 2) AND e.event_type = ANY($3)) \
     ORDER BY p.order_id, p.created_at)",
    // The hash tree goes back to the last head that stays; later events are sealed again. A tile holds hashes of whole
    // subtrees only.
    "DELETE FROM tree_tiles USING (SELECT coalesce(max(size), 0) AS size FROM tree_heads) AS tree \
     WHERE tile * 256 >= tree.size >> (8 * level)",
    "UPDATE tree_tiles \
     SET hashes = substring(hashes FOR (32 * ((tree.size >> (8 * level)) - tile * 256))::integer) \
     FROM (SELECT coalesce(max(size), 0) AS size FROM tree_heads) AS tree \
     WHERE octet_length(hashes) > 32 * ((tree.size >> (8 * level)) - tile * 256)",
    // The record of heads beyond the cut stays, so that sealing continues only when the operator resumes it.
];

/// Brings the facts back to a cut. Returns the captured charges that settlement will not handle.
pub(super) async fn apply(db: &mut PgConnection, cut: &Cut) -> Result<Vec<Uuid>, sqlx::Error> {
    let capturing = EventType::names_where(EventType::captures_charge);
    for statement in CUT_STATEMENTS {
        let query = sqlx::query(statement).bind(cut.position).bind(cut.recorded_at).bind(&capturing);
        let query = query.bind(cut.reacted);
        query.execute(&mut *db).await?;
    }
    let left = "SELECT p.id FROM payment_intents p WHERE p.ending = 'CAPTURED' AND NOT EXISTS \
                (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = p.order_id::text \
                AND e.sequence IN (p.order_version + 1, p.order_version + 2) AND e.event_type = ANY($1))";
    sqlx::query(left).bind(capturing).fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect()
}

#[cfg(test)]
mod tests;
