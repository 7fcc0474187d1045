//! Sealing: extends the tree to the log's end and signs heads. It runs off the write path, in one process at a time.
//! Each batch is one transaction, so a head and its tiles are stored together or not at all.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use event_store::log::{self, LogError};
use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use tlog_tiles::record_hash;
use uuid::Uuid;

use crate::head::TreeHead;
use crate::heads::{self, StoredHead};
use crate::key::{PublicKey, SealingKey, TrustError, TrustedKeys};
use crate::stored::{COLUMNS, stored_event};
use crate::tiles::{self, GrowingTree, Tile};
use crate::tree::TreeError;
use crate::witness::{self, KeptIn, MAX_SEALING_DELAY, Witness};

/// Largest number of events between two heads.
pub const EVENTS_PER_HEAD: u64 = 1_000;
/// Events of a batch, which is one transaction.
const BATCH_EVENTS: i64 = 20_000;

/// Why nothing could be sealed or proven.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The database does not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The tree has no such root or proof, or its hashes are missing.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The stored tree disagrees with its last head: nothing is sealed on top of it.
    #[error("the stored tree disagrees with the head over {0} events: run ocpizza-manager audit verify")]
    Disagrees(u64),
    /// A stored head cannot have been written by this program.
    #[error("the head over {0} events is damaged: run ocpizza-manager audit verify")]
    BadHead(i64),
    /// The log has a gap, or ends before its last head.
    #[error("the log has no event at position {0}: run ocpizza-manager audit verify")]
    Missing(LogPosition),
    /// The last head is not signed with a trusted key.
    #[error(
        "nothing is sealed on top of the head over {size} events: {why}; run ocpizza-manager audit verify"
    )]
    Untrusted {
        /// Size of the head.
        size: u64,
        /// Why it is not trusted.
        #[source]
        why: TrustError,
    },
    /// The tree has lost a signed head.
    #[error(
        "the tree has {sealed} events, and a head over {lost} that was signed (known from {kept_in}) is no longer in it: \
         the log was taken back or rewritten; run ocpizza-manager audit verify, and after a failover or a restore \
         ocpizza-manager audit resume --reason TEXT"
    )]
    Rewound {
        /// Size of the lost head.
        lost: u64,
        /// The place that remembers it.
        kept_in: KeptIn,
        /// Size of the tree.
        sealed: u64,
    },
    /// An event was recorded too long ago for a first head to cover it.
    #[error(
        "the event at position {position} was recorded at {recorded_at}, more than {} hours ago, and no head covers it: a \
         head that is signed now would not show that it was there; ocpizza-manager audit resume --reason TEXT seals it \
         all the same",
        MAX_SEALING_DELAY.num_hours()
    )]
    Late {
        /// The first position that no head covers.
        position: LogPosition,
        /// Time of its recording.
        recorded_at: DateTime<Utc>,
    },
}

impl SealError {
    /// Returns the error's code, which reveals nothing of the log.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Database(_) => "DATABASE",
            Self::Log(_) => "LOG",
            Self::Tree(_) => "TREE",
            Self::Disagrees(_) => "DISAGREES",
            Self::BadHead(_) => "BAD_HEAD",
            Self::Missing(_) => "MISSING",
            Self::Untrusted { .. } => "UNTRUSTED",
            Self::Rewound { .. } => "REWOUND",
            Self::Late { .. } => "LATE",
        }
    }
}

/// The key that signs heads, the retired keys, and the memory of signed heads. Clones share the memory.
#[derive(Debug, Clone)]
pub struct Signer {
    pub(crate) key: SealingKey,
    retired: Vec<PublicKey>,
    pub(crate) witness: Witness,
}

impl From<SealingKey> for Signer {
    fn from(key: SealingKey) -> Self {
        Self::new(key, Vec::new())
    }
}

/// The checked tree to seal on top of.
pub(crate) struct Base {
    pub(crate) tree: GrowingTree,
    pub(crate) last: Option<StoredHead>,
}

impl Signer {
    /// Returns a signer that accepts previous heads of its key and of retired ones.
    pub fn new(key: SealingKey, retired: Vec<PublicKey>) -> Self {
        Self { key, retired, witness: Witness::default() }
    }

    /// Returns this process's memory of heads.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// Returns the keys whose heads are accepted.
    pub fn trusted(&self, log: Uuid) -> TrustedKeys {
        self.retired.iter().cloned().chain([self.key.public(log)]).collect()
    }

    /// Returns the tree of the last head, after checking the head's key, its root and the log's length.
    pub(crate) async fn tree(&self, db: &mut PgConnection, log: Uuid) -> Result<Base, SealError> {
        let last = heads::latest(&mut *db).await?;
        if let Some(last) = &last {
            let size = last.signed.head.size;
            let trusted = self.trusted(log);
            trusted.check(log, &last.signed).map_err(|why| SealError::Untrusted { size, why })?;
        }
        let tree = tree_of(&mut *db, last.as_ref()).await?;
        let end = log::head(&mut *db).await?;
        check_reaches(end, &tree)?;
        Ok(Base { tree, last })
    }

    /// Seals as [`seal`], with the signer's retired keys and memory.
    ///
    /// # Errors
    /// [`SealError`]; batches before it are sealed.
    pub async fn seal(
        &self,
        db: &mut PgConnection,
        until: Until,
        now: DateTime<Utc>,
    ) -> Result<Vec<StoredHead>, SealError> {
        let mut all = Vec::new();
        loop {
            let (heads, more) = seal_batch(db, self, until, now).await?;
            all.extend(heads);
            if !more {
                return Ok(all);
            }
        }
    }
}

/// The end of sealing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// The log's end.
    Now,
    /// The last event that completes [`EVENTS_PER_HEAD`].
    LastWhole,
}

/// Seals the events after the last head, and returns the heads that were signed. `now` is the time of signing; times of
/// heads never decrease.
///
/// # Errors
/// [`SealError`]; batches before it are sealed.
pub async fn seal(
    db: &mut PgConnection,
    key: &SealingKey,
    until: Until,
    now: DateTime<Utc>,
) -> Result<Vec<StoredHead>, SealError> {
    Signer::from(key.clone()).seal(db, until, now).await
}

/// Returns the stored tree of the last head, if it has that head's root.
async fn tree_of(db: &mut PgConnection, last: Option<&StoredHead>) -> Result<GrowingTree, SealError> {
    let Some(StoredHead { signed, .. }) = last else { return Ok(GrowingTree::default()) };
    let size = signed.head.size;
    let edge = tiles::read_edge(db, size).await?;
    match GrowingTree::of(size, &edge) {
        Ok(tree) if tree.root()? == signed.head.root => Ok(tree),
        Ok(_) | Err(_) => Err(SealError::Disagrees(size)),
    }
}

/// Checks that sealing can continue: the last head is readable, the stored tree agrees with it, the log reaches as far
/// and continues without a gap, no remembered head is lost, and no event has waited for too long. Reads a few rows only.
/// With a signer its memory is checked too, and signatures.
///
/// # Errors
/// The [`SealError`] with which [`seal`] would fail.
pub async fn check_end(db: &mut PgConnection, signer: Option<&Signer>) -> Result<(), SealError> {
    // In one snapshot: sealing may go on meanwhile.
    let mut snapshot = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let id = heads::log_id(&mut *snapshot).await?;
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *snapshot).await?;
    let trusted = signer.map(|signer| signer.trusted(id));
    let last = heads::latest(&mut *snapshot).await?;
    let sealed = last.as_ref().map_or(0, |last| last.signed.head.size);
    // Lost heads first: they may be the cause of the other errors.
    let floors = witness::floors(&mut snapshot, signer.map(Signer::witness)).await?;
    let resumptions = witness::resumptions(&mut snapshot, trusted.as_ref()).await?;
    witness::check(&mut snapshot, sealed, &floors, &resumptions, now).await?;
    if let (Some(trusted), Some(last)) = (&trusted, &last) {
        trusted.check(id, &last.signed).map_err(|why| SealError::Untrusted { size: sealed, why })?;
    }
    let tree = tree_of(&mut snapshot, last.as_ref()).await?;
    let end = log::head(&mut *snapshot).await?;
    check_reaches(end, &tree)?;
    let next = LogPosition(i64::try_from(tree.size()).unwrap_or(i64::MAX - 1) + 1);
    let there = "SELECT EXISTS (SELECT FROM events WHERE position = $1)";
    if next <= end && !sqlx::query_scalar::<_, bool>(there).bind(next.0).fetch_one(&mut *snapshot).await? {
        return Err(SealError::Missing(next));
    }
    // Processes that do not seal remember heads too.
    if let (Some(signer), Some(last)) = (signer, &last) {
        signer.witness.remember(last);
    }
    Ok(())
}

/// Checks that the log is at least as long as the tree.
fn check_reaches(end: LogPosition, tree: &GrowingTree) -> Result<(), SealError> {
    if end.0 < i64::try_from(tree.size()).unwrap_or(i64::MAX) {
        return Err(SealError::Missing(LogPosition(end.0 + 1)));
    }
    Ok(())
}

/// Seals one batch, and returns its heads and whether there may be more events.
async fn seal_batch(
    db: &mut PgConnection,
    signer: &Signer,
    until: Until,
    now: DateTime<Utc>,
) -> Result<(Vec<StoredHead>, bool), SealError> {
    let mut transaction = db.begin().await?;
    lock(&mut transaction).await?;
    let id = heads::log_id(&mut *transaction).await?;
    let sealed = u64::try_from(heads::sealed(&mut *transaction).await?.0).unwrap_or_default();
    let floors = witness::floors(&mut transaction, Some(&signer.witness)).await?;
    let resumptions = witness::resumptions(&mut transaction, Some(&signer.trusted(id))).await?;
    witness::check(&mut transaction, sealed, &floors, &resumptions, now).await?;
    let Base { mut tree, last } = signer.tree(&mut transaction, id).await?;
    let public_key = signer.key.public(id);
    let resumed = resumptions.last().map(|resumed| resumed.head.signed_at);
    let last_signed = last.as_ref().map(|last| last.signed.head.signed_at).max(resumed);
    let signed_at = microseconds(last_signed.map_or(now, |last| now.max(last)));
    let sign = |tree: &GrowingTree| -> Result<StoredHead, SealError> {
        let (size, root) = (tree.size(), tree.root()?);
        let head = TreeHead { log: id, size, root, signed_at, resumption: None };
        Ok(StoredHead { signed: signer.key.sign(head), public_key: public_key.clone() })
    };

    let start = tree.size();
    let (mut heads, mut full) = (Vec::new(), Vec::new());
    // The tree of the last signed head: events after it are read again by a later batch.
    let mut at_head = tree.clone();
    {
        let sql = format!("SELECT {COLUMNS} FROM events WHERE position > $1 ORDER BY position LIMIT $2");
        let after = i64::try_from(start).unwrap_or(i64::MAX);
        let mut rows = sqlx::query(&sql).bind(after).bind(BATCH_EVENTS).fetch(&mut *transaction);
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
            if (tree.size() - start).is_multiple_of(EVENTS_PER_HEAD) {
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
    let more = tree.size() - start == u64::try_from(BATCH_EVENTS).unwrap_or(u64::MAX);
    if let Some(newest) = heads.last() {
        full.extend(at_head.partial_tiles());
        tiles::write(&mut transaction, full).await?;
        write(&mut transaction, &heads).await?;
        write_floor(&mut transaction, newest).await?;
        transaction.commit().await?;
    }
    // After the commit: a head that was rolled back was never published.
    if let Some(newest) = heads.last().or(last.as_ref()) {
        signer.witness.remember(newest);
    }
    Ok((heads, more))
}

/// Locks the tree against other writers until the transaction ends.
pub(crate) async fn lock(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('seal', 0))").execute(db).await?;
    Ok(())
}

/// Truncates a time to microseconds, as the database stores it.
pub(crate) fn microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Stores the last head in `tree_floor`, apart from `tree_heads`.
async fn write_floor(db: &mut PgConnection, head: &StoredHead) -> Result<(), sqlx::Error> {
    let head = &head.signed.head;
    sqlx::query(
        "INSERT INTO tree_floor (size, root_hash, signed_at) VALUES ($1, $2, $3) ON CONFLICT (id) \
         DO UPDATE SET size = EXCLUDED.size, root_hash = EXCLUDED.root_hash, signed_at = EXCLUDED.signed_at",
    )
    .bind(i64::try_from(head.size).unwrap_or(i64::MAX))
    .bind(&head.root.0[..])
    .bind(head.signed_at)
    .execute(db)
    .await?;
    Ok(())
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
