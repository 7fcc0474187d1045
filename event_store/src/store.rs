//! The store as callers see it: commands in, outcomes out.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use domain::usecase::{Refusal, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use sqlx::PgPool;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{RwLock, mpsc, oneshot};
use tracing::Instrument;
use uuid::Uuid;

use crate::appender::{self, Shared};
use crate::cache::{Attempt, Cache};
use crate::command::{CommandContext, Outcome};
use crate::error::StoreError;
use crate::idempotency::{self, KeyOf};
use crate::load;
use crate::metrics::{SPANS, StoreMetrics};
use crate::unit_of_work::Unit;

/// Bounds of the write path.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Commands that may wait for the appender, and the most that one batch holds. Beyond it:
    /// [`StoreError::Overloaded`].
    pub queue: NonZeroUsize,
    /// Streams whose state is kept in memory.
    pub cached_streams: NonZeroUsize,
    /// A stream is snapshotted when it has grown by this many events; a large state less often.
    pub snapshot_every: NonZeroUsize,
}

impl Default for Settings {
    fn default() -> Self {
        let at_least_one = |value| NonZeroUsize::new(value).unwrap_or(NonZeroUsize::MIN);
        Self {
            queue: at_least_one(256),
            cached_streams: at_least_one(50_000),
            snapshot_every: at_least_one(200),
        }
    }
}

/// The write side of the log. Cloning shares the one appender of the process, which stops with the last clone.
#[derive(Debug, Clone)]
pub struct EventStore {
    shared: Shared,
    queue: mpsc::Sender<Unit>,
}

/// A command that has its place in the queue, and is not decided yet.
struct Waiting<'a> {
    use_case: Arc<dyn UseCase>,
    context: CommandContext,
    metadata: String,
    answer: oneshot::Sender<Result<Outcome, StoreError>>,
    place: mpsc::Permit<'a, Unit>,
}

enum Step<'a> {
    Queued,
    Missing(Box<Waiting<'a>>, Vec<StreamId>),
}

/// How often a command's streams may be found missing after they were loaded.
const MAX_LOADS: usize = 10;

impl EventStore {
    /// Starts the appender of this process.
    pub fn start(pool: PgPool, settings: Settings) -> Self {
        let (queue, waiting) = mpsc::channel(settings.queue.get());
        let shared = Shared {
            pool,
            cache: Arc::new(Mutex::new(Cache::new(settings.cached_streams, settings.snapshot_every))),
            gate: Arc::new(RwLock::new(())),
            batch: settings.queue.get(),
            stored: Arc::new(AtomicI64::new(0)),
            metrics: StoreMetrics::new(),
        };
        tokio::spawn(appender::supervise(shared.clone(), waiting));
        Self { shared, queue }
    }

    /// The database.
    pub fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    /// The last position that this process has stored; 0 before the first.
    pub fn last_stored(&self) -> LogPosition {
        LogPosition(self.shared.stored.load(Ordering::Relaxed))
    }

    /// How many commands are waiting for the appender now.
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Carries out a use case: decides, and appends all of it or nothing.
    ///
    /// # Errors
    /// Faults only; a refusal is in the outcome. [`StoreError::Overloaded`] at once when the queue is
    /// full; after [`StoreError::Unavailable`] it is not known whether the command was stored.
    pub async fn execute(
        &self,
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
    ) -> Result<Outcome, StoreError> {
        let (name, begun) = (use_case.name(), Instant::now());
        let span = tracing::info_span!(target: SPANS, "command", command = name);
        let outcome = self.carry_out(use_case, context).instrument(span).await;
        self.shared.metrics.command(name, &outcome, begun.elapsed());
        outcome
    }

    async fn carry_out(
        &self,
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
    ) -> Result<Outcome, StoreError> {
        // Room in the queue comes first: once decided, a unit must be on its way.
        let place = self.queue.try_reserve().map_err(|full| match full {
            TrySendError::Full(()) => StoreError::Overloaded,
            TrySendError::Closed(()) => StoreError::Unavailable(None),
        })?;
        let metadata = Unit::metadata(&*use_case, &context)?;
        let known = idempotency::key_of(&context).zip(context.idempotency.as_ref().map(|i| i.fingerprint));
        let (answer, outcome) = oneshot::channel();
        let mut waiting = Waiting { use_case, context, metadata, answer, place };
        for _ in 0..MAX_LOADS {
            let missing = match self.decide(waiting).await? {
                Step::Queued => {
                    let outcome = outcome.await.unwrap_or(Err(StoreError::Unavailable(None)))?;
                    return self.or_as_before(outcome, known).await;
                }
                Step::Missing(back, streams) => {
                    waiting = *back;
                    streams
                }
            };
            let mut connection = self.shared.pool.acquire().await?;
            for stream in missing {
                let loaded = load::stream(&mut connection, &stream).await?;
                self.shared.cache().install(stream, loaded);
            }
        }
        Err(StoreError::Conflict)
    }

    /// What is stale, or above a bound, may be so because the very command was carried out before: then its
    /// key is known.
    async fn or_as_before(
        &self,
        outcome: Outcome,
        known: Option<(KeyOf, [u8; 32])>,
    ) -> Result<Outcome, StoreError> {
        let passing = outcome.refusal.as_ref().is_some_and(Refusal::is_passing);
        let Some((key, fingerprint)) = known.filter(|_| passing) else { return Ok(outcome) };
        let mut connection = self.shared.pool.acquire().await?;
        match idempotency::find(&mut connection, std::slice::from_ref(&key)).await?.get(&key) {
            Some(answer) if answer.fingerprint == fingerprint => {
                idempotency::replay(&mut connection, answer).await
            }
            Some(_) => Ok(Outcome { refusal: Some(Refusal::IdempotencyKeyReused), ..outcome }),
            None => Ok(outcome),
        }
    }

    async fn decide<'a>(&self, waiting: Waiting<'a>) -> Result<Step<'a>, StoreError> {
        // Not while a conflict is being settled: what is decided now must be decided on what is there.
        let _open = self.shared.gate.read().await;
        let mut cache = self.shared.cache();
        match cache.attempt(&*waiting.use_case, &waiting.context)? {
            Attempt::Missing(streams) => Ok(Step::Missing(Box::new(waiting), streams)),
            Attempt::Decided(decided) => {
                let Waiting { use_case, context, metadata, answer, place } = waiting;
                // Under the cache's lock: units are queued in the order in which they were decided.
                place.send(Unit { use_case, context, metadata, decided, answer });
                Ok(Step::Queued)
            }
        }
    }

    /// A stream's state and version as stored now.
    ///
    /// # Errors
    /// When the database does not answer or an event cannot be read.
    pub async fn load(&self, stream: &StreamId) -> Result<(AggregateState, i64), StoreError> {
        let mut connection = self.shared.pool.acquire().await?;
        let loaded = load::stream(&mut connection, stream).await?;
        Ok((Arc::unwrap_or_clone(loaded.state), loaded.version))
    }

    /// A stream's state and version as this process last knew them, which may be behind what others
    /// have stored: for what never changes about a thing, such as whose it is.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn recall(&self, stream: &StreamId) -> Result<(Arc<AggregateState>, i64), StoreError> {
        let known = self.shared.cache().committed(stream);
        let known = match known {
            Some(known) if known.version > 0 => known,
            _ => {
                let mut connection = self.shared.pool.acquire().await?;
                let loaded = load::stream(&mut connection, stream).await?;
                if loaded.version > 0 {
                    self.shared.cache().install(stream.clone(), loaded.clone());
                }
                loaded
            }
        };
        Ok((known.state, known.version))
    }

    /// Whether a command was answered under an idempotency key, so that the same answer will be given
    /// again: to be asked before something outside is set going for the command.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn has_answered(&self, actor: Uuid, key: &str) -> Result<bool, StoreError> {
        let mut connection = self.shared.pool.acquire().await?;
        Ok(!idempotency::find(&mut connection, &[(actor, key.to_owned())]).await?.is_empty())
    }
}
