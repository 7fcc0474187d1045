//! [`ReadModels`]: everything in a process that follows the log.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use event_store::{EventStore, Follower};
use futures_util::FutureExt;
use sqlx::{PgConnection, PgPool};
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use transparency::{SealError, Signer, Until};

use crate::account_access::{self, Access};
use crate::as_of::Past;
use crate::batches::Batches;
use crate::closings::closer::{self, Closer};
use crate::error::{ProjectionError, WaitError};
use crate::expiry::{self, Expiry};
use crate::heavy::HeavyReads;
use crate::lag::{self, SealingLag};
use crate::leadership::{self, Leadership};
use crate::progress::Progress;
use crate::reactor::{self, Reactor};
use crate::registry::Model;
use crate::sealer::{self, Publisher, Sealer, Sealing};
use crate::status::{self, RunsAt, Status};
use crate::{checkpoint, runner, scratch};

/// Delay of a restart after a panic.
const RESTART_DELAY: Duration = Duration::from_secs(1);

/// The runners, reactors and timers of this process. Clones share them; they stop with the last clone.
#[derive(Debug, Clone)]
pub struct ReadModels(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pool: PgPool,
    past: Past,
    heavy: HeavyReads,
    progress: Arc<Progress>,
    leadership: Leadership,
    signer: Option<Signer>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Runs an endless task, and restarts it if it ends because of a bug.
fn supervise<F>(what: String, start: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    tokio::spawn(async move {
        loop {
            let ended = std::panic::AssertUnwindSafe(start()).catch_unwind().await;
            tracing::error!(what, panicked = ended.is_err(), "something that should run for ever has ended");
            tokio::time::sleep(RESTART_DELAY).await;
        }
    })
}

/// Starts the sealer, and the publisher of its heads.
fn seal(
    pool: &PgPool,
    sealing: &Sealing,
    leadership: &Leadership,
    progress: &Arc<Progress>,
    now: fn() -> DateTime<Utc>,
) -> Vec<JoinHandle<()>> {
    let signed = Arc::new(Notify::new());
    let parts = (pool.clone(), sealing.clone(), signed.clone(), leadership.clone(), progress.clone());
    let sealer = supervise(sealer::NAME.to_owned(), move || {
        let (pool, sealing, signed, leadership, progress) = parts.clone();
        Sealer { pool, sealing, now, signed }.run(leadership, progress)
    });
    let publisher = sealing.to.clone().map(|to| {
        let parts = (pool.clone(), to, signed, leadership.clone());
        supervise("publisher".to_owned(), move || {
            let (pool, to, signed, leadership) = parts.clone();
            Publisher { pool, to, now, signed }.run(leadership)
        })
    });
    std::iter::once(sealer).chain(publisher).collect()
}

impl ReadModels {
    /// Starts a runner for each read model, a reactor for each policy, and the timers that expire unpaid orders and close
    /// business days by the clock `now`. Of all processes on the database one runs each of them; the others stand by.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(
        pool: PgPool,
        follower: &Follower,
        store: EventStore,
        now: fn() -> DateTime<Utc>,
    ) -> Result<Self, ProjectionError> {
        Self::start_and_seal(pool, follower, store, now, None).await
    }

    /// Starts as [`Self::start`], and also seals the log with `sealing`, in one process at a time.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start_and_seal(
        pool: PgPool,
        follower: &Follower,
        store: EventStore,
        now: fn() -> DateTime<Utc>,
        sealing: Option<Sealing>,
    ) -> Result<Self, ProjectionError> {
        reactor::introduce(&mut *pool.acquire().await?, domain::policies::ALL).await?;
        let mut names = status::names();
        checkpoint::ensure(&pool, names.iter().map(String::as_str)).await?;
        scratch::remove_left_over(&pool).await?;
        names.extend([expiry::NAME, closer::NAME].map(str::to_owned));
        names.extend(sealing.is_some().then(|| sealer::NAME.to_owned()));
        let (leadership, contender) = leadership::compete(pool.clone(), names);
        let progress = Arc::new(Progress::new(pool.clone()));
        let batches = Arc::new(Batches::new(pool.clone()));

        let mut tasks = vec![
            tokio::spawn(contender.run()),
            tokio::spawn(progress.clone().follow(follower.clone())),
            tokio::spawn(progress.clone().poll(leadership.clone())),
        ];
        for model in Model::ALL.iter().copied() {
            let (pool, batches) = (pool.clone(), batches.clone());
            let (leadership, progress) = (leadership.clone(), progress.clone());
            tasks.push(supervise(model.name().to_owned(), move || {
                runner::run(pool.clone(), batches.clone(), model, leadership.clone(), progress.clone())
            }));
        }
        for policy in domain::policies::ALL.iter().copied() {
            let (pool, batches, store) = (pool.clone(), batches.clone(), store.clone());
            let (leadership, progress) = (leadership.clone(), progress.clone());
            tasks.push(supervise(policy.name.to_owned(), move || {
                let reactor =
                    Reactor { pool: pool.clone(), batches: batches.clone(), store: store.clone(), policy };
                reactor.run(leadership.clone(), progress.clone())
            }));
        }
        let access = (pool.clone(), batches, leadership.clone(), progress.clone());
        tasks.push(supervise(account_access::NAME.to_owned(), move || {
            let (pool, batches, leadership, progress) = access.clone();
            Access { pool, batches }.run(leadership, progress)
        }));
        let days = (pool.clone(), store.clone(), leadership.clone());
        tasks.push(supervise(closer::NAME.to_owned(), move || {
            let (pool, store, leadership) = days.clone();
            Closer { pool, store, now }.run(leadership)
        }));
        let timer = (pool.clone(), leadership.clone());
        tasks.push(supervise(expiry::NAME.to_owned(), move || {
            let (pool, leadership) = timer.clone();
            Expiry { pool, store: store.clone(), now }.run(leadership)
        }));
        let signer = sealing.as_ref().map(|sealing| sealing.signer.clone());
        tasks.extend(
            sealing.into_iter().flat_map(|sealing| seal(&pool, &sealing, &leadership, &progress, now)),
        );
        let heavy = HeavyReads::over(&pool);
        let past = Past::among(heavy.clone());
        Ok(Self(Arc::new(Inner { pool, past, heavy, progress, leadership, signer, tasks })))
    }

    /// Waits until read models have applied the event at a position.
    ///
    /// # Errors
    /// [`WaitError`] after `timeout`.
    pub async fn wait_for(
        &self,
        models: &[Model],
        position: LogPosition,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        self.0.progress.wait_for(&self.0.leadership, models, position, timeout).await
    }

    /// Waits briefly until read models with a small lag have applied a stored position, so that clients see their own
    /// changes.
    pub async fn wait_briefly(&self, models: &[Model], position: LogPosition) {
        self.0.progress.wait_briefly(&self.0.leadership, models, position).await;
    }

    /// Returns the queries of past lists. Read models must have applied the requested position.
    pub fn past(&self) -> &Past {
        &self.0.past
    }

    /// Returns the limit of heavy reads.
    pub fn heavy(&self) -> &HeavyReads {
        &self.0.heavy
    }

    /// Returns the lag of sealing, and whether it can continue by this process's memory.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sealing(&self) -> Result<SealingLag, sqlx::Error> {
        self.sealing_on(&mut *self.0.pool.acquire().await?).await
    }

    /// Reads [`Self::sealing`] over a given connection.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn sealing_on(&self, db: &mut PgConnection) -> Result<SealingLag, sqlx::Error> {
        lag::sealing(db, self.0.signer.as_ref()).await
    }

    /// Seals the rest of the log before the process stops: otherwise it would wait for the next process.
    ///
    /// # Errors
    /// [`SealError`].
    pub async fn seal_rest(&self, now: DateTime<Utc>) -> Result<(), SealError> {
        if let Some(signer) = &self.0.signer {
            signer.seal(&mut *self.0.pool.acquire().await?, Until::Now, now).await?;
        }
        Ok(())
    }

    /// Returns the status of every read model and reactor.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn status(&self) -> Result<Vec<Status>, ProjectionError> {
        let mut all = status::status(&self.0.pool).await?;
        for one in all.iter_mut().filter(|one| self.0.leadership.holds(&one.name)) {
            one.runs_at = RunsAt::Here;
        }
        Ok(all)
    }
}
