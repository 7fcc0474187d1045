//! Exports a part of the log in one read-only snapshot and in constant memory. The log up to the head is hashed again, so
//! that a log that disagrees with its head is not exported.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use futures_util::TryStreamExt;
use sqlx::{Connection, FromRow, PgConnection, PgPool};
use transparency::{EMPTY_HASH, PublicKey, SignedHead};

use crate::files::{Files, Target, WriteError};
use crate::format::Format;
use crate::proof::{FORM, Proof};
use crate::redact;
use crate::row::{self, Row};
use crate::select::{Bound, Selection, matches};
use crate::tree::{Cutter, Range, Subtree};

/// Result of [`write()`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportSummary {
    /// First position of the range.
    pub from: u64,
    /// Last position of the range.
    pub to: u64,
    /// Number of exported events covered by the head.
    pub sealed: u64,
    /// Number of exported events after the head.
    pub unsealed: u64,
    /// Number of exported events without payload, because it holds the code of an open delivery.
    pub redacted: u64,
    /// Number of events after the head that were left out because `unsealed` was not set, of any stream and type.
    pub left_out: u64,
}

/// Why the export failed.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The database does not answer.
    #[error("the log cannot be read")]
    Database(#[from] sqlx::Error),
    /// A file was not written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The selection has no event.
    #[error("no event is selected; {head} are sealed, and {last} are in the log")]
    Nothing {
        /// Number of events covered by the head.
        head: u64,
        /// Number of events in the log.
        last: u64,
    },
    /// The log disagrees with its head.
    #[error(
        "the log is not what its head says, at position {0} or before: ocpizza-manager audit verify names it"
    )]
    Altered(u64),
}

/// An event's columns.
#[derive(FromRow)]
struct Stored {
    position: i64,
    aggregate_type: String,
    aggregate_id: String,
    sequence: i64,
    event_type: String,
    event_version: String,
    recorded_at: DateTime<Utc>,
    payload: String,
    metadata: String,
    /// Whether it has the code of an open delivery.
    in_use: bool,
}

impl From<Stored> for Row {
    fn from(stored: Stored) -> Self {
        let Stored { position, aggregate_type, aggregate_id, sequence, .. } = stored;
        Self {
            position,
            aggregate_type,
            aggregate_id,
            sequence,
            event_type: stored.event_type,
            event_version: stored.event_version,
            recorded_at: row::instant(stored.recorded_at),
            payload: stored.payload,
            metadata: stored.metadata,
            leaf_hash: String::new(),
        }
    }
}

/// The positions of a selection's range.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    to: u64,
    /// The last position of the log.
    last: u64,
}

/// Converts a position to an unsigned number.
fn number(position: i64) -> u64 {
    u64::try_from(position).unwrap_or(0)
}

/// Returns the first position at or after a bound, which may be after the log's end.
async fn first_at(db: &mut PgConnection, bound: Bound, last: u64) -> Result<u64, sqlx::Error> {
    match bound {
        Bound::Position(LogPosition(position)) => Ok(number(position)),
        Bound::Instant(at) => {
            let sql = "SELECT min(position) FROM events WHERE recorded_at >= $1";
            let found: Option<i64> = sqlx::query_scalar(sql).bind(at).fetch_one(db).await?;
            Ok(found.map_or(last + 1, number))
        }
    }
}

async fn span(db: &mut PgConnection, selection: &Selection, head: u64) -> Result<Span, ExportError> {
    let last: Option<i64> =
        sqlx::query_scalar("SELECT max(position) FROM events").fetch_one(&mut *db).await?;
    let last = last.map_or(0, number);
    let from = match selection.from {
        Some(bound) => first_at(db, bound, last).await?,
        None => 1,
    };
    let end = if selection.unsealed { last.max(head) } else { head };
    let to = match selection.to {
        Some(Bound::Position(LogPosition(position))) => number(position).min(end),
        Some(bound) => first_at(db, bound, last).await?.saturating_sub(1).min(end),
        None => end,
    };
    if from > to { Err(ExportError::Nothing { head, last }) } else { Ok(Span { from, to, last }) }
}

/// A running export.
struct Export<'a> {
    selection: &'a Selection,
    /// Additional sizes at which the tree is cut.
    splits: &'a [u64],
    span: Span,
    /// Size of the head.
    size: u64,
    files: Files,
    cutter: Cutter,
    /// The tree up to `at`.
    tree: Range,
    /// The last position read.
    at: u64,
    sealed: u64,
    unsealed: u64,
    redacted: u64,
}

impl Export<'_> {
    /// Adds the log's next event.
    fn take(&mut self, stored: Stored) -> Result<(), ExportError> {
        let (position, is_redacted) = (number(stored.position), stored.in_use);
        let mut row = Row::from(stored);
        // The position must be the leaf's; an instant that cannot be formatted was not recorded by this program.
        let hash = row.computed_hash().filter(|_| position == self.at + 1);
        let hash = hash.ok_or(ExportError::Altered(self.at + 1))?;
        self.at = position;
        let Selection { streams, types, .. } = self.selection;
        let exported = (self.span.from..=self.span.to).contains(&position)
            && matches(streams, types, &row.aggregate_type, &row.aggregate_id, &row.event_type);
        let is_sealed = position <= self.size;
        if is_sealed {
            let leaf = Subtree { start: position - 1, size: 1, hash };
            self.tree.push(leaf);
            let finished = self.cutter.push(leaf, exported);
            self.files.write_tree(finished)?;
            if self.splits.contains(&position) {
                let finished = self.cutter.finish();
                self.files.write_tree(finished)?;
            }
        }
        if exported {
            row.leaf_hash = hash.to_string();
            if is_redacted {
                row.payload.clear();
                self.redacted += 1;
            }
            self.files.write(row)?;
            *(if is_sealed { &mut self.sealed } else { &mut self.unsealed }) += 1;
        }
        Ok(())
    }
}

/// Exports a selection with the log's last head and its public key. The tree is also cut at `splits`, the sizes of
/// published heads, so that the export can be compared with them. `progress` gets the position reached, and the last.
///
/// # Errors
/// [`ExportError`]; no file is left, and none was replaced.
pub async fn write(
    pool: &PgPool,
    (signed, public_key): (&SignedHead, &PublicKey),
    selection: &Selection,
    splits: &[u64],
    (format, target): (Format, &Target),
    progress: &mut (dyn FnMut(u64, u64) + Send),
) -> Result<ExportSummary, ExportError> {
    let mut db = pool.acquire().await?;
    let mut snapshot = db.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY").execute(&mut *snapshot).await?;
    let head = &signed.head;
    let span = span(&mut snapshot, selection, head.size).await?;
    let mut export = Export {
        selection,
        splits,
        span,
        size: head.size,
        files: Files::create(format, target)?,
        cutter: Cutter::new(),
        tree: Range::default(),
        at: 0,
        sealed: 0,
        unsealed: 0,
        redacted: 0,
    };
    let end = span.to.max(head.size);
    let sql = format!(
        "SELECT position, aggregate_type, aggregate_id, sequence, event_type, event_version, recorded_at, \
         payload::text AS payload, metadata::text AS metadata, {} AS in_use \
         FROM events AS e WHERE position <= $1 ORDER BY position",
        redact::IN_USE
    );
    let mut events =
        sqlx::query_as::<_, Stored>(&sql).bind(i64::try_from(end).unwrap_or(i64::MAX)).fetch(&mut *snapshot);
    while let Some(stored) = events.try_next().await? {
        export.take(stored)?;
        progress(export.at, end);
    }
    drop(events);
    snapshot.rollback().await?;
    if export.at < end {
        return Err(ExportError::Altered(export.at + 1));
    }
    if export.tree.root().unwrap_or(EMPTY_HASH) != head.root {
        return Err(ExportError::Altered(head.size));
    }
    let Export { mut files, mut cutter, sealed: in_head, unsealed, redacted, .. } = export;
    if in_head + unsealed == 0 {
        return Err(ExportError::Nothing { head: head.size, last: span.last });
    }
    files.write_tree(cutter.finish())?;
    files.keep(Proof {
        form: FORM.to_owned(),
        format: format.name().to_owned(),
        log_id: head.log.to_string(),
        head: signed.to_string(),
        public_key: public_key.to_string(),
        from: span.from,
        to: span.to,
        streams: selection.streams.clone(),
        types: selection.types.clone(),
        sealed: in_head,
        unsealed,
        events_sha256: String::new(),
        tree_sha256: String::new(),
        checksum: String::new(),
    })?;
    let left_out = if selection.unsealed { 0 } else { span.last.saturating_sub(head.size) };
    Ok(ExportSummary { from: span.from, to: span.to, sealed: in_head, unsealed, redacted, left_out })
}
