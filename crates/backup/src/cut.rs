//! A log that is put back only up to some moment: where to cut, so that no command is torn apart, and what that
//! means for the facts that are ahead of it.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use domain::EventType;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, Row};
use uuid::Uuid;

use super::format::FormatError;

/// Up to where a log is put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoreTarget {
    /// Up to this position; back to where a command ends.
    Position(i64),
    /// What was recorded up to then.
    Time(DateTime<Utc>),
}

impl FromStr for RestoreTarget {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse() {
            return if position > 0 {
                Ok(Self::Position(position))
            } else {
                Err("positions begin at 1".into())
            };
        }
        DateTime::parse_from_rfc3339(text)
            .map(|time| Self::Time(time.to_utc()))
            .map_err(|_| "neither a position nor a time such as 2026-11-24T20:00:00Z".to_owned())
    }
}

/// There is no such place in the backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RestoreTargetError {
    /// It ends before.
    #[error("the backup ends at position {0}")]
    After(i64),
    /// Nothing would be left.
    #[error("nothing of the log is as old as that, or no whole command")]
    Before,
}

/// Where a log is cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The last event that stays.
    pub position: i64,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// The SHA-256 of the rows that stay, in hexadecimal.
    pub sha256: String,
}

/// The last event of a command.
#[derive(Clone)]
struct End {
    position: i64,
    recorded_at: String,
    digest: Sha256,
}

/// Looks through the log's rows for where to cut.
pub(super) struct CutFinder {
    until: RestoreTarget,
    /// The places of position, time and metadata among the columns.
    columns: [usize; 3],
    /// Of the row before: events of one command have the same.
    metadata: Vec<u8>,
    last: Option<End>,
    border: Option<End>,
    past: bool,
}

impl CutFinder {
    pub(super) fn new(until: RestoreTarget, columns: &[String]) -> Self {
        let place = |name: &str| columns.iter().position(|column| column == name).unwrap_or(usize::MAX);
        let columns = [place("position"), place("recorded_at"), place("metadata")];
        Self { until, columns, metadata: Vec::new(), last: None, border: None, past: false }
    }

    pub(super) fn rows(&mut self, rows: &[u8]) -> Result<(), FormatError> {
        for line in rows.split_inclusive(|byte| *byte == b'\n') {
            if self.past {
                break;
            }
            self.row(line).ok_or_else(|| FormatError::Damaged("an event's row cannot be read".to_owned()))?;
        }
        Ok(())
    }

    fn row(&mut self, line: &[u8]) -> Option<()> {
        let fields: Vec<&[u8]> = line.strip_suffix(b"\n")?.split(|byte| *byte == b'\t').collect();
        let field = |place: usize| fields.get(self.columns[place]).copied();
        let position: i64 = std::str::from_utf8(field(0)?).ok()?.parse().ok()?;
        let recorded_at = std::str::from_utf8(field(1)?).ok()?;
        let metadata = field(2)?;
        if self.metadata != metadata {
            self.border.clone_from(&self.last);
            metadata.clone_into(&mut self.metadata);
        }
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

    /// Where to cut a log that ends at a position; none when nothing is cut off.
    pub(super) fn cut(self, end: i64) -> Result<Option<Cut>, RestoreTargetError> {
        if !self.past {
            return match self.until {
                RestoreTarget::Position(until) if until > end => Err(RestoreTargetError::After(end)),
                RestoreTarget::Position(_) | RestoreTarget::Time(_) => Ok(None),
            };
        }
        // The event behind is of another command, or else the last command is torn and goes whole.
        let End { position, recorded_at, digest } = self.border.ok_or(RestoreTargetError::Before)?;
        let recorded_at = time(&recorded_at).ok_or(RestoreTargetError::Before)?;
        Ok(Some(Cut { position, recorded_at, sha256: hex::encode(digest.finalize()) }))
    }
}

/// A time as COPY writes it.
fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok().map(|time| time.to_utc())
}

/// Which rows of a table are put back when the log is cut.
pub(super) fn only(table: &str, cut: &Cut) -> Option<String> {
    match table {
        "events" => Some(format!("position <= {}", cut.position)),
        "tree_heads" | "tree_resumptions" => Some(format!("size <= {}", cut.position)),
        _ => None,
    }
}

/// What follows from a cut for the facts, a statement each; `$1` is the last position, `$2` its time, `$3` the types of
/// events that capture a charge.
const CUT_STATEMENTS: &[&str] = &[
    // Answers to commands that are no more: asked again, they are carried out again.
    "DELETE FROM idempotency_keys WHERE position > $1 OR (position IS NULL AND recorded_at > $2)",
    // Contacts of orders that are no more, and of proofs that came later.
    "DELETE FROM contacts c WHERE recorded_at > $2 OR order_id IS NOT NULL AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = c.order_id::text)",
    "DELETE FROM notes n WHERE created_at > $2 OR order_id IS NOT NULL AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = n.order_id::text)",
    // Followed anew from the start: which orders are over, and who was erased. A reason's time begins by itself.
    "UPDATE contacts SET closed_at = NULL WHERE closed_at IS NOT NULL",
    "UPDATE notes SET closed_at = NULL WHERE closed_at IS NOT NULL AND purpose <> 'REASON'",
    "UPDATE personal_data_progress SET position = 0",
    // Reactors, too: what they have done is answered under its key, what was cut off they do again.
    "DELETE FROM checkpoints WHERE name LIKE 'reactor:%'",
    // Accounts that the log has never heard of.
    "DELETE FROM accounts a WHERE (access_position IS NULL OR access_position > $1) AND NOT EXISTS \
     (SELECT FROM events e WHERE e.aggregate_type IN ('customer', 'staff') AND e.aggregate_id = a.id::text)",
    // What an account may comes from the log again; its password and its details stay as they were last.
    "UPDATE accounts SET access_position = 0, password_position = LEAST(password_position, $1), \
     details_position = LEAST(details_position, $1)",
    // Charges whose capture was cut off are looked after: captured again where the order still is as it was, else
    // given back. One an order, which is all that the settlement takes.
    "UPDATE payment_intents SET ending = NULL, ended_at = NULL, due_at = now(), tries = 0 WHERE id IN (SELECT DISTINCT ON (p.order_id) p.id FROM payment_intents p WHERE p.ending = 'CAPTURED' \
     AND NOT EXISTS (SELECT FROM payment_intents o WHERE o.order_id = p.order_id AND o.ending IS NULL) \
     AND NOT EXISTS (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = p.order_id::text \
     AND e.sequence IN (p.order_version + 1, p.order_version + 2) AND e.event_type = ANY($3)) \
     ORDER BY p.order_id, p.created_at)",
    // The tree goes back to the last head that stays: what is behind it is sealed again. A level's tiles have the
    // hashes of whole subtrees only.
    "DELETE FROM tree_tiles USING (SELECT coalesce(max(size), 0) AS size FROM tree_heads) AS tree \
     WHERE tile * 256 >= tree.size >> (8 * level)",
    "UPDATE tree_tiles \
     SET hashes = substring(hashes FOR (32 * ((tree.size >> (8 * level)) - tile * 256))::integer) \
     FROM (SELECT coalesce(max(size), 0) AS size FROM tree_heads) AS tree \
     WHERE octet_length(hashes) > 32 * ((tree.size >> (8 * level)) - tile * 256)",
    // What is remembered of the heads beyond the cut stays: sealing goes on at the operator's word alone.
];

/// Brings the facts in line with a log that was cut. Gives the charges that nobody will look after.
pub(super) async fn apply(db: &mut PgConnection, cut: &Cut) -> Result<Vec<Uuid>, sqlx::Error> {
    let capturing = EventType::names_where(EventType::captures_charge);
    for statement in CUT_STATEMENTS {
        let query = sqlx::query(statement).bind(cut.position).bind(cut.recorded_at).bind(&capturing);
        query.execute(&mut *db).await?;
    }
    let left = "SELECT p.id FROM payment_intents p WHERE p.ending = 'CAPTURED' AND NOT EXISTS \
                (SELECT FROM events e WHERE e.aggregate_type = 'order' AND e.aggregate_id = p.order_id::text \
                AND e.sequence IN (p.order_version + 1, p.order_version + 2) AND e.event_type = ANY($1))";
    sqlx::query(left).bind(capturing).fetch_all(db).await?.iter().map(|row| row.try_get(0)).collect()
}

#[cfg(test)]
mod tests;
