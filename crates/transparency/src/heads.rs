//! Reads the heads in the database, and proofs between them.

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

/// A stored head, with the public key stored beside it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredHead {
    /// The head.
    pub signed: SignedHead,
    /// The stored public key, which is not necessarily trusted.
    pub public_key: PublicKey,
}

/// A row of `tree_heads`, and the log's id.
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

/// Selects the columns of [`Row`].
pub(crate) const HEADS: &str = "SELECT log_id, size, root_hash, signed_at, key_id, signature, public_key \
                                FROM tree_heads, log_identity";

impl Row {
    /// Decodes the head; `None` if this program cannot have written it.
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

/// Returns the log's id.
///
/// # Errors
/// The database does not answer.
pub async fn log_id(db: impl PgExecutor<'_>) -> Result<Uuid, sqlx::Error> {
    sqlx::query_scalar("SELECT log_id FROM log_identity").fetch_one(db).await
}

/// Returns the last sealed position: the size of the last head.
///
/// # Errors
/// The database does not answer.
pub async fn sealed(db: impl PgExecutor<'_>) -> Result<LogPosition, sqlx::Error> {
    let size: Option<i64> = sqlx::query_scalar("SELECT max(size) FROM tree_heads").fetch_one(db).await?;
    Ok(LogPosition(size.unwrap_or_default()))
}

/// Returns the last head; `None` before the first.
///
/// # Errors
/// The database does not answer, or the head is damaged.
pub async fn latest(db: impl PgExecutor<'_>) -> Result<Option<StoredHead>, SealError> {
    let sql = format!("{HEADS} ORDER BY size DESC LIMIT 1");
    let row: Option<Row> = sqlx::query_as(&sql).fetch_optional(db).await?;
    row.map(Row::readable).transpose()
}

/// Returns the heads beyond a size, in order, at most `limit`.
///
/// # Errors
/// The database does not answer, or a head is damaged.
pub async fn heads_after(
    db: impl PgExecutor<'_>,
    size: LogPosition,
    limit: i64,
) -> Result<Vec<StoredHead>, SealError> {
    let sql = format!("{HEADS} WHERE size > $1 ORDER BY size LIMIT $2");
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(size.0).bind(limit).fetch_all(db).await?;
    rows.into_iter().map(Row::readable).collect()
}

/// Proof that an event is in a tree.
#[derive(Debug, Clone, PartialEq)]
pub struct InclusionProof {
    /// Number of events in the tree.
    pub size: u64,
    /// Root of the tree.
    pub root: Hash,
    /// Hash of the event's leaf.
    pub leaf: Hash,
    /// The siblings on the path from the leaf to the root, from the bottom.
    pub path: Vec<Hash>,
}

/// Proof that a tree is a prefix of a larger one.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsistencyProof {
    /// Root of the smaller tree.
    pub from_root: Hash,
    /// Root of the larger tree.
    pub to_root: Hash,
    /// The hashes from which both roots are computed.
    pub path: Vec<Hash>,
}

struct Included(LogPosition, u64);

impl Computation for Included {
    type Output = InclusionProof;

    fn compute(&self, hashes: &impl HashReader) -> Result<InclusionProof, TreeError> {
        let Self(position, size) = *self;
        let path = prove_inclusion(size, position, hashes)?;
        let leaf = tree::leaf_hash(position, hashes)?;
        Ok(InclusionProof { size, root: tree::root(size, hashes)?, leaf, path })
    }
}

struct Consistent(u64, u64);

impl Computation for Consistent {
    type Output = ConsistencyProof;

    fn compute(&self, hashes: &impl HashReader) -> Result<ConsistencyProof, TreeError> {
        let Self(from, to) = *self;
        let path = prove_consistency(from, to, hashes)?;
        Ok(ConsistencyProof { from_root: tree::root(from, hashes)?, to_root: tree::root(to, hashes)?, path })
    }
}

/// Proves that the event at a position is in the tree of a sealed size.
///
/// # Errors
/// [`TreeError::NoSuchPart`] if the position or size is beyond the tree; the database does not answer.
pub async fn inclusion(
    db: &mut PgConnection,
    position: LogPosition,
    size: LogPosition,
) -> Result<InclusionProof, SealError> {
    let size = size_of(db, size).await?;
    tiles::compute(db, &Included(position, size)).await
}

/// Proves that the tree of a size is a prefix of the tree of a larger, sealed size.
///
/// # Errors
/// As [`inclusion`].
pub async fn consistency(
    db: &mut PgConnection,
    from: LogPosition,
    to: LogPosition,
) -> Result<ConsistencyProof, SealError> {
    let to = size_of(db, to).await?;
    let from = u64::try_from(from.0).map_err(|_| TreeError::NoSuchPart)?;
    tiles::compute(db, &Consistent(from, to)).await
}

/// Returns a size, if it is sealed.
async fn size_of(db: &mut PgConnection, size: LogPosition) -> Result<u64, SealError> {
    if size > sealed(db).await? {
        return Err(TreeError::NoSuchPart.into());
    }
    Ok(u64::try_from(size.0).map_err(|_| TreeError::NoSuchPart)?)
}
