//! Sealing: the tree grows to the log's end, and heads are signed. Off the write path, one at a time on a database,
//! each batch in one transaction: whatever crashes, a head and its tiles are there together or not at all.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use tlog_tiles::record_hash;

use crate::log::{self, LogError};

use super::head::TreeHead;
use super::heads::{self, StoredHead};
use super::key::SealingKey;
use super::stored::{COLUMNS, stored_event};
use super::tiles::{self, GrowingTree, Tile};
use super::tree::TreeError;

/// A head at least after so many events.
pub const EVERY: u64 = 1_000;
/// Events of a batch, and of a transaction.
const BATCH: i64 = 20_000;

/// Why nothing could be sealed or proven.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such root or proof; or hashes of it are missing.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The stored tree is not the one that was sealed: nothing is sealed on top of it.
    #[error("the stored tree disagrees with the head over {0} events: run ocpizza-manager audit verify")]
    Disagrees(u64),
    /// A head that this program cannot have written.
    #[error("the head over {0} events is damaged: run ocpizza-manager audit verify")]
    BadHead(i64),
    /// The log has a gap, or ends before its last head.
    #[error("the log has no event at position {0}: run ocpizza-manager audit verify")]
    Missing(LogPosition),
}

/// How far to seal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// To the log's end.
    Now,
    /// To the last event that completes [`EVERY`] since a head.
    LastWhole,
}

/// Seals what is behind the last head, and gives the heads that were signed; none when there was nothing to seal.
/// `now` is when the heads are signed; their times never decrease.
///
/// # Errors
/// [`SealError`]; batches before it are sealed.
pub async fn seal(
    db: &mut PgConnection,
    key: &SealingKey,
    until: Until,
    now: DateTime<Utc>,
) -> Result<Vec<StoredHead>, SealError> {
    let mut all = Vec::new();
    loop {
        let (heads, more) = seal_batch(db, key, until, now).await?;
        all.extend(heads);
        if !more {
            return Ok(all);
        }
    }
}

/// The tree as of the last head, which must be the one that was signed.
async fn tree_of(db: &mut PgConnection, last: Option<&StoredHead>) -> Result<GrowingTree, SealError> {
    let Some(StoredHead { signed, .. }) = last else { return Ok(GrowingTree::default()) };
    let size = signed.head.size;
    let edge = tiles::read_edge(db, size).await?;
    match GrowingTree::of(size, &edge) {
        Ok(tree) if tree.root()? == signed.head.root => Ok(tree),
        Ok(_) | Err(_) => Err(SealError::Disagrees(size)),
    }
}

/// Whether the log can be sealed further: its last head is readable, the stored tree agrees with it, and the log
/// reaches as far and goes on without a gap. Reads a few rows, and none of what is to be sealed.
///
/// # Errors
/// [`SealError`], with which [`seal`] would fail, too.
pub async fn check_end(db: &mut PgConnection) -> Result<(), SealError> {
    // As of one moment: sealing goes on meanwhile.
    let mut snapshot = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let last = heads::latest(&mut *snapshot).await?;
    let tree = tree_of(&mut snapshot, last.as_ref()).await?;
    let end = log::head(&mut *snapshot).await?;
    check_reaches(end, &tree)?;
    let next = LogPosition(i64::try_from(tree.size()).unwrap_or(i64::MAX - 1) + 1);
    let there = "SELECT EXISTS (SELECT FROM events WHERE position = $1)";
    if next <= end && !sqlx::query_scalar::<_, bool>(there).bind(next.0).fetch_one(&mut *snapshot).await? {
        return Err(SealError::Missing(next));
    }
    Ok(())
}

/// Whether the log has all that the tree has.
fn check_reaches(end: LogPosition, tree: &GrowingTree) -> Result<(), SealError> {
    if end.0 < i64::try_from(tree.size()).unwrap_or(i64::MAX) {
        return Err(SealError::Missing(LogPosition(end.0 + 1)));
    }
    Ok(())
}

/// One batch, and whether there may be more.
async fn seal_batch(
    db: &mut PgConnection,
    key: &SealingKey,
    until: Until,
    now: DateTime<Utc>,
) -> Result<(Vec<StoredHead>, bool), SealError> {
    let mut transaction = db.begin().await?;
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('seal', 0))")
        .execute(&mut *transaction)
        .await?;
    let id = heads::log_id(&mut *transaction).await?;
    let last = heads::latest(&mut *transaction).await?;
    let mut tree = tree_of(&mut transaction, last.as_ref()).await?;
    let end = log::head(&mut *transaction).await?;
    check_reaches(end, &tree)?;
    let public_key = key.public(id);
    let now = last.as_ref().map_or(now, |last| now.max(last.signed.head.signed_at));
    // The database keeps microseconds.
    let signed_at = DateTime::from_timestamp_micros(now.timestamp_micros()).unwrap_or(now);
    let sign = |tree: &GrowingTree| -> Result<StoredHead, SealError> {
        let head = TreeHead { log: id, size: tree.size(), root: tree.root()?, signed_at };
        Ok(StoredHead { signed: key.sign(head), public_key: public_key.clone() })
    };

    let start = tree.size();
    let (mut heads, mut full) = (Vec::new(), Vec::new());
    // As of the last head that is signed: what is behind it is read again when its time has come.
    let mut at_head = tree.clone();
    {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
        let after = i64::try_from(start).unwrap_or(i64::MAX);
        let mut rows = sqlx::query(&sql).bind(after).bind(BATCH).fetch(&mut *transaction);
        let mut leaf = Vec::new();
        let mut pending: Vec<Tile> = Vec::new();
        while let Some(row) = rows.try_next().await? {
            let event = stored_event(&row)?;
            let expected = LogPosition(i64::try_from(tree.size()).unwrap_or(i64::MAX - 1) + 1);
            if event.position != expected {
                return Err(SealError::Missing(expected));
            }
            event.encode_into(&mut leaf);
            pending.extend(tree.push(record_hash(&leaf))?);
            if (tree.size() - start).is_multiple_of(EVERY) {
                heads.push(sign(&tree)?);
                full.append(&mut pending);
                at_head = tree.clone();
            }
        }
        if until == Until::Now && tree.size() > at_head.size() {
            heads.push(sign(&tree)?);
            full.append(&mut pending);
            at_head = tree.clone();
        }
    }
    let more = tree.size() - start == u64::try_from(BATCH).unwrap_or(u64::MAX);
    if !heads.is_empty() {
        full.extend(at_head.partial_tiles());
        tiles::write(&mut transaction, full).await?;
        write(&mut transaction, &heads).await?;
        transaction.commit().await?;
    }
    Ok((heads, more))
}

/// Stores heads.
async fn write(db: &mut PgConnection, heads: &[StoredHead]) -> Result<(), sqlx::Error> {
    let signed = || heads.iter().map(|head| &head.signed);
    let sizes: Vec<i64> =
        signed().map(|signed| i64::try_from(signed.head.size).unwrap_or(i64::MAX)).collect();
    let roots: Vec<&[u8]> = signed().map(|signed| &signed.head.root.0[..]).collect();
    let times: Vec<DateTime<Utc>> = signed().map(|signed| signed.head.signed_at).collect();
    let key_ids: Vec<String> = signed().map(|signed| signed.key_id.to_string()).collect();
    let signatures: Vec<&[u8]> = signed().map(|signed| &signed.signature[..]).collect();
    let public_keys: Vec<Vec<u8>> = heads.iter().map(|head| head.public_key.to_bytes().to_vec()).collect();
    sqlx::query(
        "INSERT INTO tree_heads (size, root_hash, signed_at, key_id, signature, public_key) \
         SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::timestamptz[], $4::text[], $5::bytea[], $6::bytea[])",
    )
    .bind(sizes)
    .bind(roots)
    .bind(times)
    .bind(key_ids)
    .bind(signatures)
    .bind(public_keys)
    .execute(db)
    .await?;
    Ok(())
}
