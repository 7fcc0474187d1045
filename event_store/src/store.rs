//! [`EventStore`]: executes commands and returns their results.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use domain::access::Role;
use domain::usecase::{Refusal, UseCase};
use domain::{AggregateState, LogPosition, StreamId};
use sqlx::PgPool;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{RwLock, mpsc, oneshot};
use tracing::Instrument;
use uuid::Uuid;

use crate::appender::{self, Shared};
use crate::command::{CommandContext, CommandResult};
use crate::decider::{Attempt, Decider};
use crate::error::StoreError;
use crate::idempotency::{self, KeyOf};
use crate::load;
use crate::metrics::{SPANS, StoreMetrics};
use crate::unit_of_work::{Command, Unit};

/// Bounds of the write path.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Commands in the appender's queue, and in one batch; further ones get [`StoreError::Overloaded`].
    pub queue: NonZeroUsize,
    /// Streams whose state is kept in memory.
    pub cached_streams: NonZeroUsize,
    /// Events between two snapshots of a stream; more for a large state.
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

/// The write side of the log. Clones share the appender of the process, which stops with the last clone.
#[derive(Debug, Clone)]
pub struct EventStore {
    shared: Shared,
    queue: mpsc::Sender<Unit>,
}

/// Rounds in which a command's streams may be missing although they were loaded.
const MAX_LOADS: usize = 10;

impl EventStore {
    /// Starts the appender of this process.
    pub fn start(pool: PgPool, settings: Settings) -> Self {
        let (queue, waiting) = mpsc::channel(settings.queue.get());
        let shared = Shared {
            pool,
            decider: Arc::new(Mutex::new(Decider::new(settings.cached_streams, settings.snapshot_every))),
            settling_lock: Arc::new(RwLock::new(())),
            batch: settings.queue.get(),
            stored: Arc::new(AtomicI64::new(0)),
            metrics: StoreMetrics::new(),
        };
        tokio::spawn(appender::supervise(shared.clone(), waiting));
        Self { shared, queue }
    }

    /// Returns the database pool.
    pub fn pool(&self) -> &PgPool {
        &self.shared.pool
    }

    /// Returns the last position that this process stored; 0 before the first.
    pub fn last_stored(&self) -> LogPosition {
        LogPosition(self.shared.stored.load(Ordering::Relaxed))
    }

    /// Notes events that were stored without the appender.
    pub(crate) fn has_stored(&self, base: LogPosition, events: usize) {
        self.shared.metrics.events.increment(u64::try_from(events).unwrap_or(u64::MAX));
        let last = base.0.saturating_add(i64::try_from(events).unwrap_or(i64::MAX));
        self.shared.stored.fetch_max(last, Ordering::Relaxed);
    }

    /// Returns the number of commands in the appender's queue.
    pub fn queue_depth(&self) -> usize {
        self.queue.max_capacity() - self.queue.capacity()
    }

    /// Executes a use case: decides it, and appends all of its events or none.
    ///
    /// # Errors
    /// Faults only; a refusal is part of the result. [`StoreError::Overloaded`] at once if the queue is
    /// full; after [`StoreError::Unavailable`] it is unknown whether the command was stored.
    pub async fn execute(
        &self,
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
    ) -> Result<CommandResult, StoreError> {
        let (name, begun) = (use_case.name(), Instant::now());
        let span = tracing::info_span!(target: SPANS, "command", command = name);
        let result = self.decide_and_store(use_case, context).instrument(span).await;
        self.shared.metrics.command(name, &result, begun.elapsed());
        result
    }

    async fn decide_and_store(
        &self,
        use_case: Arc<dyn UseCase>,
        context: CommandContext,
    ) -> Result<CommandResult, StoreError> {
        // Reserved first: a decided unit must be queued.
        let place = self.queue.try_reserve().map_err(|full| match full {
            TrySendError::Full(()) => StoreError::Overloaded,
            TrySendError::Closed(()) => StoreError::Unavailable(None),
        })?;
        let known = idempotency::key_of(&context).zip(context.idempotency.as_ref().map(|i| i.fingerprint));
        let by = context.actor.role;
        let (reply, result) = oneshot::channel();
        self.decide(Command::new(use_case, context, reply)?, place).await?;
        let result = result.await.unwrap_or(Err(StoreError::Unavailable(None)))?;
        self.or_first_result(by, result, known).await
    }

    /// Decides a command, loading the streams that it needs, and queues it.
    async fn decide(&self, command: Command, place: mpsc::Permit<'_, Unit>) -> Result<(), StoreError> {
        for _ in 0..MAX_LOADS {
            let missing = {
                // Waits while a conflict is being settled: the states are not up to date until then.
                let _shared = self.shared.settling_lock.read().await;
                let mut decider = self.shared.decider();
                match decider.decide(&*command.use_case, &command.context)? {
                    Attempt::Missing(streams) => streams,
                    Attempt::Decided(decision) => {
                        // Under the decider's lock, so that units are queued in the order of their decisions.
                        place.send(Unit { command, decision });
                        return Ok(());
                    }
                }
            };
            let mut connection = self.shared.pool.acquire().await?;
            for stream in missing {
                let loaded = load::stream(&mut connection, &stream).await?;
                self.shared.decider().install(stream, loaded);
            }
        }
        Err(StoreError::Conflict)
    }

    /// Returns the stored result in place of a refusal that is not kept: an earlier execution under the same key may be
    /// what made the version stale, reached the bound or took the step.
    async fn or_first_result(
        &self,
        by: Role,
        result: CommandResult,
        known: Option<(KeyOf, [u8; 32])>,
    ) -> Result<CommandResult, StoreError> {
        let passes = |refusal| idempotency::passes(by, refusal, result.position.is_some());
        let passing = result.refusal.as_ref().is_some_and(passes);
        let Some((key, fingerprint)) = known.filter(|_| passing) else { return Ok(result) };
        let mut connection = self.shared.pool.acquire().await?;
        match idempotency::find(&mut connection, std::slice::from_ref(&key)).await?.get(&key) {
            Some(stored) if stored.fingerprint == fingerprint => {
                idempotency::replay(&mut connection, stored).await
            }
            Some(_) => Ok(CommandResult { refusal: Some(Refusal::IdempotencyKeyReused), ..result }),
            None => Ok(result),
        }
    }

    /// Returns a stream's stored state and version.
    ///
    /// # Errors
    /// The database does not answer, or an event cannot be read.
    pub async fn load(&self, stream: &StreamId) -> Result<(AggregateState, i64), StoreError> {
        let mut connection = self.shared.pool.acquire().await?;
        let loaded = load::stream(&mut connection, stream).await?;
        Ok((Arc::unwrap_or_clone(loaded.state), loaded.version))
    }

    /// Returns a stream's state and version from memory, which may be behind the log: for facts that never change,
    /// such as the owner.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn recall(&self, stream: &StreamId) -> Result<(Arc<AggregateState>, i64), StoreError> {
        let known = self.shared.decider().committed(stream);
        let known = match known {
            Some(known) if known.version > 0 => known,
            _ => {
                let mut connection = self.shared.pool.acquire().await?;
                let loaded = load::stream(&mut connection, stream).await?;
                if loaded.version > 0 {
                    self.shared.decider().install(stream.clone(), loaded.clone());
                }
                loaded
            }
        };
        Ok((known.state, known.version))
    }

    /// Returns whether a result is stored under an idempotency key: checked before an external effect is started.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn has_answered(&self, actor: Uuid, key: &str) -> Result<bool, StoreError> {
        let mut connection = self.shared.pool.acquire().await?;
        Ok(!idempotency::find(&mut connection, &[(actor, key.to_owned())]).await?.is_empty())
    }
}
