//! The heads in the database, and proofs between them. Reads only.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use sqlx::{PgConnection, PgExecutor};
use tlog_tiles::{Hash, HashReader};
use uuid::Uuid;

use crate::head::{SignedHead, TreeHead};
use crate::key::{KeyId, PublicKey};
use crate::tiles::{self, Computation};
use crate::tree::{TreeError, prove_consistency, prove_inclusion};
use crate::{SealError, tree};

/// A head as it is stored, with the public half of the key that signed it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredHead {
    /// The head.
    pub signed: SignedHead,
    /// As it is stored beside it; whether it is to be trusted is another question.
    pub public_key: PublicKey,
}

/// A row of the table of heads, and the log's id.
#[derive(Debug, sqlx::FromRow)]
pub(crate) struct Row {
    log_id: Uuid,
    pub(crate) size: i64,
    root_hash: Vec<u8>,
    signed_at: DateTime<Utc>,
    key_id: String,
    signature: Vec<u8>,
    public_key: Vec<u8>,
}

/// The heads, with the columns of [`Row`].
pub(crate) const HEADS: &str = "SELECT log_id, size, root_hash, signed_at, key_id, signature, public_key \
                                FROM tree_heads, log_identity";

impl Row {
    /// The head; none when it is not one that this program could have written.
    pub(crate) fn decode(self) -> Option<StoredHead> {
        let head = TreeHead {
            log: self.log_id,
            size: u64::try_from(self.size).ok()?,
            root: Hash(self.root_hash.try_into().ok()?),
            signed_at: self.signed_at,
            resumption: None,
        };
        let public_key = PublicKey::of(self.log_id, &self.public_key).ok()?;
        let key_id = KeyId(u32::from_str_radix(&self.key_id, 16).ok()?.to_be_bytes());
        let signature = self.signature.try_into().ok()?;
        Some(StoredHead { signed: SignedHead { head, key_id, signature }, public_key })
    }

    fn readable(self) -> Result<StoredHead, SealError> {
        let size = self.size;
        self.decode().ok_or(SealError::BadHead(size))
    }
}

/// Which log this is.
///
/// # Errors
/// When the database does not answer.
pub async fn log_id(db: impl PgExecutor<'_>) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar("SELECT log_id FROM log_identity").fetch_one(db).await
}

/// How many events are sealed: those at positions 1 to this.
///
/// # Errors
/// When the database does not answer.
pub async fn sealed(db: impl PgExecutor<'_>) -> Result<LogPosition, sqlx::Error> {
    let size: Option<i64> = sqlx::query_scalar("SELECT max(size) FROM tree_heads").fetch_one(db).await?;
    Ok(LogPosition(size.unwrap_or_default()))
}

/// The last head; none while nothing is sealed.
///
/// # Errors
/// When the database does not answer, or the head is damaged.
pub async fn latest(db: impl PgExecutor<'_>) -> Result<Option<StoredHead>, SealError> {
    let sql = format!("{HEADS} ORDER BY size DESC LIMIT 1");
    let row: Option<Row> = sqlx::query_as(&sql).fetch_optional(db).await?;
    row.map(Row::readable).transpose()
}

/// The heads behind a size, in order, at most `limit`.
///
/// # Errors
/// When the database does not answer, or a head is damaged.
pub async fn heads_after(
    db: impl PgExecutor<'_>,
    size: LogPosition,
    limit: i64,
) -> Result<Vec<StoredHead>, SealError> {
    let sql = format!("{HEADS} WHERE size > $1 ORDER BY size LIMIT $2");
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(size.0).bind(limit).fetch_all(db).await?;
    rows.into_iter().map(Row::readable).collect()
}

/// That an event is in the tree of a size.
#[derive(Debug, Clone, PartialEq)]
pub struct Inclusion {
    /// How many events the tree has.
    pub size: u64,
    /// Its root.
    pub root: Hash,
    /// The hash of the event's leaf.
    pub leaf: Hash,
    /// The siblings on the way from the leaf to the root, from below.
    pub path: Vec<Hash>,
}

/// That a tree is the beginning of a larger one.
#[derive(Debug, Clone, PartialEq)]
pub struct Consistency {
    /// The root of the smaller.
    pub from_root: Hash,
    /// The root of the larger.
    pub to_root: Hash,
    /// The hashes that lead to both.
    pub path: Vec<Hash>,
}

struct Included(LogPosition, u64);

impl Computation for Included {
    type Output = Inclusion;

    fn compute(&self, hashes: &impl HashReader) -> Result<Inclusion, TreeError> {
        let Self(position, size) = *self;
        let path = prove_inclusion(size, position, hashes)?;
        let leaf = tree::leaf_hash(position, hashes)?;
        Ok(Inclusion { size, root: tree::root(size, hashes)?, leaf, path })
    }
}

struct Consistent(u64, u64);

impl Computation for Consistent {
    type Output = Consistency;

    fn compute(&self, hashes: &impl HashReader) -> Result<Consistency, TreeError> {
        let Self(from, to) = *self;
        let path = prove_consistency(from, to, hashes)?;
        Ok(Consistency { from_root: tree::root(from, hashes)?, to_root: tree::root(to, hashes)?, path })
    }
}

/// Proves that the event at a position is in the tree of a size, which must be sealed.
///
/// # Errors
/// [`TreeError::NoSuchPart`] when the tree does not reach so far; when the database does not answer.
pub async fn inclusion(
    db: &mut PgConnection,
    position: LogPosition,
    size: LogPosition,
) -> Result<Inclusion, SealError> {
    let size = size_of(db, size).await?;
    tiles::compute(db, &Included(position, size)).await
}

/// Proves that the tree of a size is the beginning of that of another, which must be sealed.
///
/// # Errors
/// As [`inclusion`].
pub async fn consistency(
    db: &mut PgConnection,
    from: LogPosition,
    to: LogPosition,
) -> Result<Consistency, SealError> {
    let to = size_of(db, to).await?;
    let from = u64::try_from(from.0).map_err(|_| TreeError::NoSuchPart)?;
    tiles::compute(db, &Consistent(from, to)).await
}

/// A size, when it is sealed.
async fn size_of(db: &mut PgConnection, size: LogPosition) -> Result<u64, SealError> {
    if size > sealed(db).await? {
        return Err(TreeError::NoSuchPart.into());
    }
    Ok(u64::try_from(size.0).map_err(|_| TreeError::NoSuchPart)?)
}
