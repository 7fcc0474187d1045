//! Seals the log off the write path: a head at least every thousand events, and at most [`SEALING_DELAY`] after any. One
//! process at a time seals, and publishes the heads independently.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use futures_util::future::BoxFuture;
use sqlx::PgPool;
use tokio::sync::Notify;
use transparency::{EVENTS_PER_HEAD, SealError, SignedHead, Signer, Until};

use crate::leadership::Leadership;
use crate::progress::Progress;
use crate::runner::{Backoff, Chain};

/// Name of the lock.
pub(crate) const NAME: &str = "sealer";
/// Longest wait for further events before an event is sealed: half of the promised minute.
pub const SEALING_DELAY: Duration = Duration::from_secs(30);
/// Interval at which heads signed by another process are looked up.
const PUBLISH_INTERVAL: Duration = Duration::from_secs(10);
/// Heads read at once to be published.
const BATCH_HEADS: i64 = 100;

/// Error of the destination of heads.
pub type DestinationError = Box<dyn std::error::Error + Send + Sync>;

/// A destination of published heads.
pub trait HeadsTo: Debug + Send + Sync {
    /// Returns its name in `head_publications`, which must not contain secrets.
    fn name(&self) -> &str;

    /// Publishes a head as its signed note. The same head may be published again.
    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), DestinationError>>;

    /// Returns the last published heads, if the destination can be read.
    fn last(&self) -> BoxFuture<'_, Result<Vec<SignedHead>, DestinationError>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// Settings of sealing.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// Signs heads, and remembers them in this process.
    pub signer: Signer,
    /// Longest wait for further events before an event is sealed, by default [`SEALING_DELAY`].
    pub within: Duration,
    /// The destination of published heads.
    pub to: Option<Arc<dyn HeadsTo>>,
}

/// The task that seals.
pub(crate) struct Sealer {
    pub(crate) pool: PgPool,
    pub(crate) sealing: Sealing,
    pub(crate) now: fn() -> DateTime<Utc>,
    /// Notified when there are heads to publish.
    pub(crate) signed: Arc<Notify>,
}

impl Sealer {
    /// Seals while this process is the leader. Never ends.
    pub(crate) async fn run(self, leadership: Leadership, progress: Arc<Progress>) {
        let mut backoff = Backoff::default();
        let mut said = None;
        loop {
            leadership.gained(NAME).await;
            self.read_back().await;
            let mut sealed = None;
            while leadership.holds(NAME) {
                match self.step(&mut sealed, &progress).await {
                    Ok(()) => {
                        backoff.reset();
                        said = None;
                    }
                    Err(error) => {
                        let line = Chain(&error).to_string();
                        // Tampering is permanent: the same error is logged once.
                        if said.as_ref() != Some(&line) {
                            tracing::error!(error = %line, "the log cannot be sealed");
                            said = Some(line);
                        }
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Reads the heads that the tree must still have from the destination.
    async fn read_back(&self) {
        let Some(to) = &self.sealing.to else { return };
        if let Err(error) = remember_published(&self.pool, &self.sealing.signer, &**to).await {
            tracing::warn!(error = %error, "published heads could not be read back; sealing goes on without them");
        }
    }

    /// Waits for new events, and seals them.
    async fn step(&self, sealed: &mut Option<LogPosition>, progress: &Progress) -> Result<(), SealError> {
        let from = match *sealed {
            Some(sealed) => sealed,
            None => transparency::sealed(&self.pool).await?,
        };
        *sealed = Some(from);
        progress.head_beyond(from.0).await;
        let whole = from.0 + i64::try_from(EVENTS_PER_HEAD).unwrap_or(i64::MAX) - 1;
        let many = tokio::time::timeout(self.sealing.within, progress.head_beyond(whole)).await.is_ok();
        let until = if many { Until::LastWhole } else { Until::Now };
        let mut db = self.pool.acquire().await?;
        let heads = self.sealing.signer.seal(&mut db, until, (self.now)()).await?;
        if !heads.is_empty() {
            self.signed.notify_one();
        }
        // Read again: another process may have sealed meanwhile.
        *sealed = None;
        Ok(())
    }
}

/// Reads the last published head of this log into the signer's memory. Heads of other logs and untrusted heads are
/// ignored. After a resumption its note is the last one, and no head counts.
///
/// # Errors
/// The destination or the database does not answer.
pub async fn remember_published(
    pool: &PgPool,
    signer: &Signer,
    to: &dyn HeadsTo,
) -> Result<(), DestinationError> {
    let log = transparency::log_id(pool).await?;
    let trusted = signer.trusted(log);
    let heads = to.last().await?;
    let last = heads.iter().rev().find(|head| trusted.check(log, head).is_ok());
    if let Some(last) = last.filter(|last| last.head.resumption.is_none()) {
        signer.witness().remember_published(&last.head);
    }
    Ok(())
}

/// The task that publishes heads.
pub(crate) struct Publisher {
    pub(crate) pool: PgPool,
    pub(crate) to: Arc<dyn HeadsTo>,
    pub(crate) now: fn() -> DateTime<Utc>,
    pub(crate) signed: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum PublisherError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the head over {0} events was not taken")]
    Refused(u64, #[source] DestinationError),
}

impl Publisher {
    /// Publishes while this process seals. Never ends.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.publish().await {
                    Ok(true) => backoff.reset(),
                    Ok(false) => {
                        backoff.reset();
                        let _ = tokio::time::timeout(PUBLISH_INTERVAL, self.signed.notified()).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "heads could not be published; they will be");
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Publishes unpublished heads in order, each at least once, a resumption before the heads after it. Returns whether
    /// there were any.
    async fn publish(&self) -> Result<bool, PublisherError> {
        let name = self.to.name();
        let published: Option<(i64, i64)> =
            sqlx::query_as("SELECT size, resumption FROM head_publications WHERE destination = $1")
                .bind(name)
                .fetch_optional(&self.pool)
                .await
                .map_err(SealError::from)?;
        let (size, resumption) = published.unwrap_or_default();
        let resumptions: Vec<(i64, i64, String)> =
            sqlx::query_as("SELECT id, size, note FROM tree_resumptions WHERE id > $1 ORDER BY id LIMIT $2")
                .bind(resumption)
                .bind(BATCH_HEADS)
                .fetch_all(&self.pool)
                .await
                .map_err(SealError::from)?;
        let mut some = !resumptions.is_empty();
        for (id, cut, note) in resumptions {
            self.give(u64::try_from(cut).unwrap_or_default(), &note).await?;
            self.note(size, id).await?;
        }
        let heads = transparency::heads_after(&self.pool, LogPosition(size), BATCH_HEADS).await?;
        some |= !heads.is_empty();
        for head in heads {
            let size = head.signed.head.size;
            self.give(size, &head.signed.to_string()).await?;
            self.note(i64::try_from(size).unwrap_or(i64::MAX), 0).await?;
        }
        Ok(some)
    }

    async fn give(&self, size: u64, note: &str) -> Result<(), PublisherError> {
        self.to.publish(note).await.map_err(|error| PublisherError::Refused(size, error))
    }

    /// Records what was published.
    async fn note(&self, size: i64, resumption: i64) -> Result<(), PublisherError> {
        sqlx::query(
            "INSERT INTO head_publications AS p (destination, size, published_at, resumption) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (destination) DO UPDATE SET size = EXCLUDED.size, published_at = EXCLUDED.published_at, \
             resumption = GREATEST(p.resumption, EXCLUDED.resumption)",
        )
        .bind(self.to.name())
        .bind(size)
        .bind((self.now)())
        .bind(resumption)
        .execute(&self.pool)
        .await
        .map_err(SealError::from)?;
        Ok(())
    }
}
