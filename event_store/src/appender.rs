//! The appender task: drains the queue, stores batches and sends results. Each process runs one and restarts it
//! after a panic.

mod settling;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{LogPosition, StreamId};
use futures_util::FutureExt;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::{RwLock, mpsc};
use tracing::Instrument;

use self::settling::{ConflictSettler, SettlingResult};
use crate::append::{self, AppendResult};
use crate::command::CommandResult;
use crate::decider::{Decider, Versioned};
use crate::error::StoreError;
use crate::idempotency::{self, KeyOf};
use crate::metrics::{SPANS, StoreMetrics, count};
use crate::snapshot;
use crate::unit_of_work::Unit;

/// Bounds on waiting for a lock, on a statement, and on an idle transaction that holds the head's lock: a stuck
/// process makes commands fail instead of hang, its own and those of other processes.
const SESSION_TIMEOUTS: &str = "SET lock_timeout = '5s'; SET statement_timeout = '10s'; \
                                SET idle_in_transaction_session_timeout = '10s'";
/// Plans each statement once: by default Postgres estimates a custom plan as cheaper and plans every batch again,
/// which takes longer than the batch itself. Sequential scans are off because a cached plan may have been made
/// while a table was empty.
const PLANNER_SETTINGS: &str =
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
/// Bound on all work on the database for one batch; beyond it the connection is dropped.
const BATCH_TIMEOUT: Duration = Duration::from_secs(15);

/// State shared by callers and the appender.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub pool: PgPool,
    pub decider: Arc<Mutex<Decider>>,
    /// Held for reading while a command is decided and queued, for writing while a conflict is settled.
    pub settling_lock: Arc<RwLock<()>>,
    pub batch: usize,
    /// The last position that this process stored.
    pub stored: Arc<AtomicI64>,
    pub metrics: StoreMetrics,
}

impl Shared {
    /// Locks the decider. A poisoned lock is used: a panic leaves states whole, and the log is compared anyway.
    pub fn decider(&self) -> MutexGuard<'_, Decider> {
        self.decider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Commits a stored batch to the states and sends the results.
    fn commit(&self, stored: StoredBatch) {
        let StoredBatch { units, base } = stored;
        let mut position = base;
        let mut grown = Vec::new();
        let mut placed = Vec::with_capacity(units.len());
        {
            let mut decider = self.decider();
            for unit in units {
                match decider.commit(&unit.decision.events) {
                    Ok(streams) => grown.extend(streams),
                    Err(error) => {
                        // The events are stored; the states are loaded again.
                        tracing::error!(%error, "a stored event does not fit its stream");
                        unit.decision.events.iter().for_each(|event| decider.forget(&event.stream));
                    }
                }
                let events = i64::try_from(unit.decision.events.len()).unwrap_or(0);
                position.0 += events;
                placed.push((unit, (events > 0).then_some(position)));
            }
        }
        let events = position.0 - base.0;
        self.metrics.events.increment(events.unsigned_abs());
        self.metrics.batch_events.record(count(usize::try_from(events).unwrap_or_default()));
        // Before any result is sent: a caller's next read must include what its command stored.
        self.stored.fetch_max(position.0, Ordering::Relaxed);
        for (unit, position) in placed {
            reply(unit, position);
        }
        self.write_snapshots(grown);
    }

    fn write_snapshots(&self, grown: Vec<(StreamId, Versioned)>) {
        if grown.is_empty() {
            return;
        }
        let pool = self.pool.clone();
        tokio::spawn(async move {
            for (stream, snapshot) in grown {
                if let Err(error) = snapshot::write(&pool, &stream, &snapshot).await {
                    tracing::warn!(%error, %stream, "a snapshot was not written");
                }
            }
        });
    }
}

/// Runs the appender until every sender is dropped, and restarts it after a panic.
pub(crate) async fn supervise(shared: Shared, queue: mpsc::Receiver<Unit>) {
    let queue = Arc::new(tokio::sync::Mutex::new(queue));
    let mut after_fault = false;
    loop {
        let appender = Appender { shared: shared.clone(), connection: None, after_fault };
        let queue = queue.clone();
        let run = tokio::spawn(async move { appender.run(&mut *queue.lock().await).await });
        match run.await {
            Ok(()) => return,
            Err(fault) => {
                // Its units are dropped, which tells their callers that the result is unknown.
                tracing::error!(%fault, "the appender died and is started again");
                shared.decider().clear();
                after_fault = true;
            }
        }
    }
}

struct Appender {
    shared: Shared,
    connection: Option<PgConnection>,
    /// Queued commands may have been decided on events that the previous appender lost: they must be settled.
    after_fault: bool,
}

/// A stored batch whose results are not yet sent.
struct StoredBatch {
    units: Vec<Unit>,
    /// The position before its first event.
    base: LogPosition,
}

impl Appender {
    async fn run(mut self, queue: &mut mpsc::Receiver<Unit>) {
        let mut stored = None;
        loop {
            let batch = self.next(queue, &mut stored).await;
            if batch.is_empty() {
                return;
            }
            self.shared.metrics.batch_commands.record(count(batch.len()));
            if std::mem::take(&mut self.after_fault) {
                self.settle(batch, queue).await;
                continue;
            }
            let span = tracing::info_span!(target: SPANS, "append", commands = batch.len());
            let Self { shared, connection, .. } = &mut self;
            let append = within(append(shared, connection, &batch)).instrument(span);
            // Biased: the statement is sent before the results of the previous batch are, so that the database does
            // not wait for them.
            let (appended, ()) = tokio::join!(biased; append, async {
                if let Some(stored) = stored.take() {
                    shared.commit(stored);
                }
            });
            match appended {
                Ok(AppendResult::After(base)) => stored = Some(StoredBatch { units: batch, base }),
                Ok(AppendResult::Conflict) => self.settle(batch, queue).await,
                Err(error) => self.abort(batch, queue, error).await,
            }
        }
    }

    /// Returns the queued units. If there are none it first commits `stored`, then waits. Empty once every sender is
    /// dropped.
    async fn next(&self, queue: &mut mpsc::Receiver<Unit>, stored: &mut Option<StoredBatch>) -> Vec<Unit> {
        let mut batch = Vec::with_capacity(self.shared.batch);
        // Takes only what is queued now; `recv_many` is cancel safe.
        let _ = queue.recv_many(&mut batch, self.shared.batch).now_or_never();
        if batch.is_empty() {
            if let Some(stored) = stored.take() {
                self.shared.commit(stored);
            }
            queue.recv_many(&mut batch, self.shared.batch).await;
        }
        batch
    }

    /// Fails the batch and every queued unit after a database error: whether the batch was stored is unknown.
    async fn abort(&mut self, mut units: Vec<Unit>, queue: &mut mpsc::Receiver<Unit>, error: sqlx::Error) {
        self.connection = None;
        let lock = self.shared.settling_lock.clone();
        let _exclusive = lock.write().await;
        drain(queue, &mut units);
        // All states: after a failover or a restore the log may be behind them.
        self.shared.decider().clear();
        tracing::error!(%error, commands = units.len(), "commands could not be stored");
        for unit in units {
            unit.command.reply(Err(StoreError::Unavailable(None)));
        }
    }

    /// Settles a version conflict: blocks new decisions, locks the head row, and decides the batch and every queued
    /// unit again on the stored events.
    async fn settle(&mut self, mut units: Vec<Unit>, queue: &mut mpsc::Receiver<Unit>) {
        self.shared.metrics.conflicts.increment(1);
        let lock = self.shared.settling_lock.clone();
        let _exclusive = lock.write().await;
        drain(queue, &mut units);
        self.shared.decider().rewind();
        let shared = self.shared.clone();
        let commands = units.len();
        let settled = within(async {
            ConflictSettler::new(shared).run(open(&self.shared, &mut self.connection).await?, units).await
        });
        match settled.await {
            Ok(SettlingResult { stored, replays }) => {
                self.shared.commit(stored);
                self.replay(replays);
            }
            Err(error) => {
                // The units are dropped, which tells their callers that the result is unknown.
                self.connection = None;
                self.shared.decider().clear();
                tracing::error!(%error, commands, "commands could not be stored");
            }
        }
    }

    /// Sends the stored results of commands that were executed before, in a task of its own.
    fn replay(&self, replays: Vec<(Unit, KeyOf)>) {
        if replays.is_empty() {
            return;
        }
        let pool = self.shared.pool.clone();
        tokio::spawn(async move {
            for (unit, key) in replays {
                let result = replay_one(&pool, &key).await;
                unit.command.reply(result);
            }
        });
    }
}

async fn append(
    shared: &Shared,
    connection: &mut Option<PgConnection>,
    batch: &[Unit],
) -> Result<AppendResult, sqlx::Error> {
    let begun = Instant::now();
    let appended = append::append(open(shared, connection).await?, batch).await;
    shared.metrics.batch_seconds.record(begun.elapsed().as_secs_f64());
    appended
}

/// Returns the appender's own connection; opens it if necessary.
async fn open<'c>(
    shared: &Shared,
    connection: &'c mut Option<PgConnection>,
) -> Result<&'c mut PgConnection, sqlx::Error> {
    if connection.is_none() {
        let mut opened = PgConnection::connect_with(&shared.pool.connect_options()).await?;
        sqlx::Executor::execute(&mut opened, SESSION_TIMEOUTS).await?;
        sqlx::Executor::execute(&mut opened, PLANNER_SETTINGS).await?;
        *connection = Some(opened);
    }
    connection.as_mut().ok_or(sqlx::Error::PoolClosed)
}

async fn replay_one(pool: &PgPool, key: &KeyOf) -> Result<CommandResult, StoreError> {
    let mut connection = pool.acquire().await?;
    let results = idempotency::find(&mut connection, std::slice::from_ref(key)).await?;
    match results.get(key) {
        Some(stored) => idempotency::replay(&mut connection, stored).await,
        None => Err(StoreError::Unavailable(None)),
    }
}

/// Bounds work on the database by [`BATCH_TIMEOUT`].
async fn within<T, E: From<sqlx::Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = |_elapsed| E::from(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(BATCH_TIMEOUT, work).await.map_err(late)?
}

fn drain(queue: &mut mpsc::Receiver<Unit>, units: &mut Vec<Unit>) {
    while let Ok(unit) = queue.try_recv() {
        units.push(unit);
    }
}

fn reply(Unit { command, decision }: Unit, position: Option<LogPosition>) {
    let Some((stream, _)) = decision.based_on.into_iter().next() else { return };
    command.reply(Ok(CommandResult {
        stream,
        state: decision.state,
        version: decision.version,
        position,
        refusal: decision.refusal,
    }));
}
