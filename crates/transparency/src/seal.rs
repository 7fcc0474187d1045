//! Sealing: the tree grows to the log's end, and heads are signed. Off the write path, one at a time on a database,
//! each batch in one transaction: whatever crashes, a head and its tiles are there together or not at all.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use futures_util::TryStreamExt;
use sqlx::{Connection, PgConnection};
use tlog_tiles::record_hash;
use uuid::Uuid;

use event_store::log::{self, LogError};

use crate::head::TreeHead;
use crate::heads::{self, StoredHead};
use crate::key::{PublicKey, SealingKey, TrustedKeys, Untrusted};
use crate::stored::{COLUMNS, stored_event};
use crate::tiles::{self, GrowingTree, Tile};
use crate::tree::TreeError;
use crate::witness::{self, KeptIn, LATEST, Witness};

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
    /// The last head is not one to build on: its signature does not hold under a trusted key.
    #[error(
        "nothing is sealed on top of the head over {size} events: {why}; run ocpizza-manager audit verify"
    )]
    Untrusted {
        /// The head's size.
        size: u64,
        /// Why it is not believed.
        #[source]
        why: Untrusted,
    },
    /// A head that was signed is no longer in the tree.
    #[error(
        "the tree has {sealed} events, and a head over {lost} that was signed (known from {kept_in}) is no longer in it: \
         the log was taken back or rewritten; run ocpizza-manager audit verify, and after a failover or a restore \
         ocpizza-manager audit resume --reason TEXT"
    )]
    Rewound {
        /// The size of the head that was lost.
        lost: u64,
        /// Where it is remembered.
        kept_in: KeptIn,
        /// The size of the tree.
        sealed: u64,
    },
    /// No head covers an event that was recorded long ago.
    #[error(
        "the event at position {position} was recorded at {recorded_at}, more than {} hours ago, and no head covers it: a \
         head that is signed now would not show that it was there; ocpizza-manager audit resume --reason TEXT seals it \
         all the same",
        LATEST.num_hours()
    )]
    Late {
        /// The first position that no head covers.
        position: LogPosition,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
    },
}

impl SealError {
    /// A name of the fault, for those who may not see what the log holds.
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

/// What heads are signed with, and what the signer knows apart from the database. Clones share the memory.
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

/// The tree as it can be built on.
pub(crate) struct Base {
    pub(crate) tree: GrowingTree,
    pub(crate) last: Option<StoredHead>,
}

impl Signer {
    /// Signs with a key, on top of heads of that key and of retired ones.
    pub fn new(key: SealingKey, retired: Vec<PublicKey>) -> Self {
        Self { key, retired, witness: Witness::default() }
    }

    /// What this process remembers.
    pub fn witness(&self) -> &Witness {
        &self.witness
    }

    /// The keys whose heads may be built on.
    pub fn trusted(&self, log: Uuid) -> TrustedKeys {
        self.retired.iter().cloned().chain([self.key.public(log)]).collect()
    }

    /// The tree as of the last head, once that holds and the log reaches as far.
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

    /// As [`seal`], with what this signer knows.
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
    Signer::from(key.clone()).seal(db, until, now).await
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
/// reaches as far and goes on without a gap; no head that is remembered is lost, and nothing has waited for too long.
/// Reads a few rows, and none of what is to be sealed. With a signer its memory counts too, and signatures are checked.
///
/// # Errors
/// [`SealError`], with which [`seal`] would fail, too.
pub async fn check_end(db: &mut PgConnection, signer: Option<&Signer>) -> Result<(), SealError> {
    // As of one moment: sealing goes on meanwhile.
    let mut snapshot = db.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?;
    let id = heads::log_id(&mut *snapshot).await?;
    let now: DateTime<Utc> = sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(&mut *snapshot).await?;
    let trusted = signer.map(|signer| signer.trusted(id));
    let last = heads::latest(&mut *snapshot).await?;
    let sealed = last.as_ref().map_or(0, |last| last.signed.head.size);
    // Lost heads first: what else does not fit may follow from them.
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
    // A process that does not seal remembers too.
    if let (Some(signer), Some(last)) = (signer, &last) {
        signer.witness.remember(last);
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
    if let Some(newest) = heads.last() {
        full.extend(at_head.partial_tiles());
        tiles::write(&mut transaction, full).await?;
        write(&mut transaction, &heads).await?;
        write_floor(&mut transaction, newest).await?;
        transaction.commit().await?;
    }
    // Not before it is stored: what was rolled back was never published.
    if let Some(newest) = heads.last().or(last.as_ref()) {
        signer.witness.remember(newest);
    }
    Ok((heads, more))
}

/// Makes this transaction the only one that changes the tree.
pub(crate) async fn lock(db: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('seal', 0))").execute(db).await?;
    Ok(())
}

/// A time as the database keeps it.
pub(crate) fn microseconds(at: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at.timestamp_micros()).unwrap_or(at)
}

/// Remembers the last head apart from the heads.
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
