//! Memory of heads that the tree must still have, kept apart from `tree_heads`. A tree that has lost one was rewound: by a
//! failover, by a restore, or by an owner of the database who rewrites the log. The signer must not sign on top of it
//! until an operator resumes sealing (a resumption).

use std::fmt::{Display, Formatter};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::LogPosition;
use sqlx::PgConnection;
use tlog_tiles::Hash;

use crate::SealError;
use crate::head::{SignedHead, TreeHead, parse_notes};
use crate::heads::StoredHead;
use crate::key::TrustedKeys;

/// Longest wait of an event for its head. While a process runs, heads are signed within a minute; a head signed after
/// this bound does not show when the event was in the log.
pub const MAX_SEALING_DELAY: TimeDelta = TimeDelta::hours(24);

/// The place that remembers a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeptIn {
    /// The memory of this process.
    Process,
    /// The row of `tree_floor`.
    Floor,
    /// A row of `head_publications`.
    Publications,
    /// The place where heads are published, outside the database.
    Destination,
}

impl Display for KeptIn {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Process => "the memory of this process",
            Self::Floor => "tree_floor",
            Self::Publications => "head_publications",
            Self::Destination => "the place where heads are published",
        })
    }
}

/// A head that the tree must still have.
#[derive(Debug, Clone)]
pub(crate) struct Floor {
    pub(crate) size: u64,
    /// `None` if only the size is known.
    pub(crate) root: Option<Hash>,
    /// Time of signing or publication.
    pub(crate) at: DateTime<Utc>,
    pub(crate) kept_in: KeptIn,
}

impl Floor {
    fn of(head: &TreeHead, kept_in: KeptIn) -> Self {
        Self { size: head.size, root: Some(head.root), at: head.signed_at, kept_in }
    }
}

/// Memory of a process: the last head of the tree, and the last published head. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Witness(Arc<Mutex<WitnessState>>);

#[derive(Debug, Default)]
struct WitnessState {
    seen: Option<Floor>,
    published: Option<Floor>,
}

impl Witness {
    /// Remembers the last head of the tree in place of the previous one, which it includes.
    pub(crate) fn remember(&self, head: &StoredHead) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.seen = Some(Floor::of(&head.signed.head, KeptIn::Process));
    }

    /// Remembers a head that was read back from the place where heads are published.
    pub fn remember_published(&self, head: &TreeHead) {
        let mut remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.published = Some(Floor::of(head, KeptIn::Destination));
    }

    fn floors(&self) -> Vec<Floor> {
        let remembered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remembered.seen.iter().chain(&remembered.published).cloned().collect()
    }
}

/// Returns the heads that the database remembers.
async fn stored_floors(db: &mut PgConnection) -> Result<Vec<Floor>, sqlx::Error> {
    type Row = (i64, Option<Vec<u8>>, DateTime<Utc>, bool);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT size, root_hash, signed_at, true FROM tree_floor \
         UNION ALL SELECT size, NULL, published_at, false FROM head_publications WHERE size > 0",
    )
    .fetch_all(db)
    .await?;
    let floors = rows.into_iter().map(|(size, root, at, is_floor)| Floor {
        size: u64::try_from(size).unwrap_or_default(),
        root: root.and_then(|root| root.try_into().ok()).map(Hash),
        at,
        kept_in: if is_floor { KeptIn::Floor } else { KeptIn::Publications },
    });
    Ok(floors.collect())
}

/// Returns the heads that the database and a process remember.
pub(crate) async fn floors(
    db: &mut PgConnection,
    witness: Option<&Witness>,
) -> Result<Vec<Floor>, sqlx::Error> {
    let mut floors = stored_floors(db).await?;
    floors.extend(witness.into_iter().flat_map(Witness::floors));
    Ok(floors)
}

/// Returns the resumptions of a log, oldest first, without unreadable and untrusted ones. Without keys signatures are not
/// checked.
pub(crate) async fn resumptions(
    db: &mut PgConnection,
    trusted: Option<&TrustedKeys>,
) -> Result<Vec<SignedHead>, sqlx::Error> {
    let notes: Vec<String> =
        sqlx::query_scalar("SELECT note FROM tree_resumptions ORDER BY id").fetch_all(db).await?;
    let parsed = notes.iter().filter_map(|note| parse_notes(note).ok()?.into_iter().next());
    let is_believed = |signed: &SignedHead| {
        signed.head.resumption.is_some()
            && trusted.is_none_or(|trusted| trusted.check(signed.head.log, signed).is_ok())
    };
    Ok(parsed.filter(is_believed).collect())
}

/// Returns the first remembered head that the tree has lost and no resumption has abandoned.
pub(crate) async fn lost(
    db: &mut PgConnection,
    floors: &[Floor],
    resumptions: &[SignedHead],
) -> Result<Option<Floor>, sqlx::Error> {
    for floor in floors {
        let size = i64::try_from(floor.size).unwrap_or(i64::MAX);
        let root: Option<Vec<u8>> = sqlx::query_scalar("SELECT root_hash FROM tree_heads WHERE size = $1")
            .bind(size)
            .fetch_optional(&mut *db)
            .await?;
        let is_there = root.is_some_and(|found| floor.root.is_none_or(|root| root.0[..] == found[..]));
        let was_given_up =
            || resumptions.iter().any(|it| it.head.size < floor.size && floor.at <= it.head.signed_at);
        if !is_there && !was_given_up() {
            return Ok(Some(floor.clone()));
        }
    }
    Ok(None)
}

/// Returns how long an event has waited for a head at `now`: since its recording, or since a resumption before it.
pub(crate) fn waited(
    position: LogPosition,
    recorded_at: DateTime<Utc>,
    now: DateTime<Utc>,
    resumptions: &[SignedHead],
) -> TimeDelta {
    let before = |head: &&SignedHead| {
        i64::try_from(head.head.size).unwrap_or(i64::MAX) < position.0 && head.head.signed_at <= now
    };
    let resumed = resumptions.iter().filter(before).map(|head| head.head.signed_at).max();
    now - resumed.map_or(recorded_at, |resumed| resumed.max(recorded_at))
}

/// Fails if a remembered head is lost, or the first event after the last head has waited too long.
pub(crate) async fn check(
    db: &mut PgConnection,
    sealed: u64,
    floors: &[Floor],
    resumptions: &[SignedHead],
    now: DateTime<Utc>,
) -> Result<(), SealError> {
    if let Some(Floor { size, kept_in, .. }) = lost(&mut *db, floors, resumptions).await? {
        return Err(SealError::Rewound { lost: size, kept_in, sealed });
    }
    let position = LogPosition(i64::try_from(sealed).unwrap_or(i64::MAX - 1) + 1);
    let recorded_at: Option<DateTime<Utc>> =
        sqlx::query_scalar("SELECT recorded_at FROM events WHERE position = $1 AND isfinite(recorded_at)")
            .bind(position.0)
            .fetch_optional(db)
            .await?;
    match recorded_at {
        Some(recorded_at) if waited(position, recorded_at, now, resumptions) > MAX_SEALING_DELAY => {
            Err(SealError::Late { position, recorded_at })
        }
        Some(_) | None => Ok(()),
    }
}
