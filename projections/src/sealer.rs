//! Seals the log behind the writers: a head at least every thousand events, and soon after any. One process at a time
//! does it, and publishes the heads where the settings say; neither waits for the other.

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

/// The name of its lock.
pub(crate) const NAME: &str = "sealer";
/// How soon an event is sealed when fewer than a thousand follow: twice in the minute that is promised.
pub const WITHIN: Duration = Duration::from_secs(30);
/// How often it is looked for heads that another process has signed.
const LOOK: Duration = Duration::from_secs(10);
/// Heads that are read at once to be published.
const AT_ONCE: i64 = 100;

/// Why a head was not published, as the destination says.
pub type NotPublished = Box<dyn std::error::Error + Send + Sync>;

/// Where heads are published.
pub trait HeadsTo: Debug + Send + Sync {
    /// Its name in the database, where it is noted how far it has got them; no secret in it.
    fn name(&self) -> &str;

    /// Publishes a head, as its signed note. The same one may come again.
    fn publish<'a>(&'a self, note: &'a str) -> BoxFuture<'a, Result<(), NotPublished>>;

    /// The last heads that it was given, if it can be read back.
    fn last(&self) -> BoxFuture<'_, Result<Vec<SignedHead>, NotPublished>> {
        Box::pin(async { Ok(Vec::new()) })
    }
}

/// How the log is sealed.
#[derive(Debug, Clone)]
pub struct Sealing {
    /// What heads are signed with, and what this process remembers of them.
    pub signer: Signer,
    /// How soon an event is sealed when fewer than a thousand follow; [`WITHIN`].
    pub within: Duration,
    /// Where heads are published, if anywhere.
    pub to: Option<Arc<dyn HeadsTo>>,
}

/// What the sealer needs.
pub(crate) struct Sealer {
    pub(crate) pool: PgPool,
    pub(crate) sealing: Sealing,
    pub(crate) now: fn() -> DateTime<Utc>,
    /// Told when there are heads to publish.
    pub(crate) signed: Arc<Notify>,
}

impl Sealer {
    /// Seals for as long as this process is the one to do so; then waits to be again.
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
                        // Tampering does not pass by itself: once is enough.
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

    /// Learns from the place where heads are published what the tree must still have.
    async fn read_back(&self) {
        let Some(to) = &self.sealing.to else { return };
        if let Err(error) = remember_published(&self.pool, &self.sealing.signer, &**to).await {
            tracing::warn!(error = %error, "published heads could not be read back; sealing goes on without them");
        }
    }

    /// Waits until there is something to seal, and seals it.
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
        // Asked again: somebody else may have sealed meanwhile.
        *sealed = None;
        Ok(())
    }
}

/// Reads the last published head of this log, and remembers it with the signer. Other logs' heads, and those that no
/// trusted key has signed, are passed over. After a resumption its note is the last, and nothing beyond it counts.
///
/// # Errors
/// When the place or the database does not answer.
pub async fn remember_published(
    pool: &PgPool,
    signer: &Signer,
    to: &dyn HeadsTo,
) -> Result<(), NotPublished> {
    let log = transparency::log_id(pool).await?;
    let trusted = signer.trusted(log);
    let heads = to.last().await?;
    let last = heads.iter().rev().find(|head| trusted.check(log, head).is_ok());
    if let Some(last) = last.filter(|last| last.head.resumption.is_none()) {
        signer.witness().remember_published(&last.head);
    }
    Ok(())
}

/// What the publisher needs.
pub(crate) struct Publisher {
    pub(crate) pool: PgPool,
    pub(crate) to: Arc<dyn HeadsTo>,
    pub(crate) now: fn() -> DateTime<Utc>,
    pub(crate) signed: Arc<Notify>,
}

#[derive(Debug, thiserror::Error)]
enum PublishError {
    #[error(transparent)]
    Seal(#[from] SealError),
    #[error("the head over {0} events was not taken")]
    Refused(u64, #[source] NotPublished),
}

impl Publisher {
    /// Publishes for as long as this process is the one that seals.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.publish().await {
                    Ok(true) => backoff.reset(),
                    Ok(false) => {
                        backoff.reset();
                        let _ = tokio::time::timeout(LOOK, self.signed.notified()).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "heads could not be published; they will be");
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Publishes heads that have not been, each at least once and in order; whether there were any. A resumption comes
    /// before the heads that follow it.
    async fn publish(&self) -> Result<bool, PublishError> {
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
                .bind(AT_ONCE)
                .fetch_all(&self.pool)
                .await
                .map_err(SealError::from)?;
        let mut some = !resumptions.is_empty();
        for (id, cut, note) in resumptions {
            self.give(u64::try_from(cut).unwrap_or_default(), &note).await?;
            self.note(size, id).await?;
        }
        let heads = transparency::heads_after(&self.pool, LogPosition(size), AT_ONCE).await?;
        some |= !heads.is_empty();
        for head in heads {
            let size = head.signed.head.size;
            self.give(size, &head.signed.to_string()).await?;
            self.note(i64::try_from(size).unwrap_or(i64::MAX), 0).await?;
        }
        Ok(some)
    }

    async fn give(&self, size: u64, note: &str) -> Result<(), PublishError> {
        self.to.publish(note).await.map_err(|error| PublishError::Refused(size, error))
    }

    /// Notes what was published.
    async fn note(&self, size: i64, resumption: i64) -> Result<(), PublishError> {
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
