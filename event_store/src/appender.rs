//! The appender task: drains the queue, stores, and answers. One a process, restarted if it dies.

mod settling;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::{LogPosition, StreamId};
use futures_util::FutureExt;
use sqlx::{Connection, PgConnection, PgPool};
use tokio::sync::{RwLock, mpsc};
use tracing::Instrument;

use self::settling::{Settled, Settling};
use crate::append::{self, Appended, Basis};
use crate::cache::{Cache, Versioned};
use crate::command::Outcome;
use crate::error::StoreError;
use crate::idempotency::{self, KeyOf};
use crate::metrics::{SPANS, StoreMetrics, count};
use crate::snapshot;
use crate::unit_of_work::Unit;

/// How long the appender may wait for a lock, run a statement, and hold the head's lock without doing
/// anything, so that a stuck process makes commands fail instead of hang, here and elsewhere.
const PATIENCE: &str = "SET lock_timeout = '5s'; SET statement_timeout = '10s'; \
                        SET idle_in_transaction_session_timeout = '10s'";
/// Statements are planned once: left to itself, Postgres finds a plan made for each small batch cheaper than one for
/// any, and plans anew every time, for longer than the batch itself takes. A plan that is kept must not be one that
/// reads all of a table because it was empty then; what is left of that is too dear for the estimate, not to do.
const PLANS: &str = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";
/// And how long the database may take to answer at all, before the connection is given up.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What callers and the appender share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub pool: PgPool,
    pub cache: Arc<Mutex<Cache>>,
    /// Held for reading while a command is decided and queued; for writing while a conflict is settled.
    pub gate: Arc<RwLock<()>>,
    pub batch: usize,
    /// The last position that this process has stored.
    pub stored: Arc<AtomicI64>,
    pub metrics: StoreMetrics,
}

impl Shared {
    /// The cache. A panic under its lock leaves whole states behind, and the log has the last word anyway.
    pub fn cache(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A batch is stored: the states follow, and everybody is answered.
    fn commit(&self, stored: Stored) {
        let Stored { units, base } = stored;
        let mut position = base;
        let mut grown = Vec::new();
        let mut answers = Vec::with_capacity(units.len());
        {
            let mut cache = self.cache();
            for unit in units {
                match cache.commit(&unit.decided.events) {
                    Ok(streams) => grown.extend(streams),
                    Err(error) => {
                        // Stored all the same; the states are loaded anew.
                        tracing::error!(%error, "a stored event does not fit its stream");
                        unit.decided.events.iter().for_each(|event| cache.forget(&event.stream));
                    }
                }
                let events = i64::try_from(unit.decided.events.len()).unwrap_or(0);
                position.0 += events;
                answers.push((unit, (events > 0).then_some(position)));
            }
        }
        let events = position.0 - base.0;
        self.metrics.events.increment(events.unsigned_abs());
        self.metrics.batch_events.record(count(usize::try_from(events).unwrap_or_default()));
        // Before anybody is answered: who asks next is shown what they were told.
        self.stored.fetch_max(position.0, Ordering::Relaxed);
        for (unit, position) in answers {
            answer(unit, position);
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

/// Runs the appender until every sender is gone; starts it again when it panics.
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
                // The callers whose units it held are told that the outcome is not known.
                tracing::error!(%fault, "the appender died and is started again");
                shared.cache().clear();
                after_fault = true;
            }
        }
    }
}

struct Appender {
    shared: Shared,
    connection: Option<PgConnection>,
    /// What is queued may have been decided on what went down with the appender before: it must be settled.
    after_fault: bool,
}

/// A batch in the log, whose callers are still to be told.
struct Stored {
    units: Vec<Unit>,
    /// The position that it begins after.
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
            // In this order: the statement is on its way before the callers of the batch before it are told, so that
            // the database need not wait for that.
            let (appended, ()) = tokio::join!(biased; append, async {
                if let Some(stored) = stored.take() {
                    shared.commit(stored);
                }
            });
            match appended {
                Ok(Appended::After(base)) => stored = Some(Stored { units: batch, base }),
                Ok(Appended::Conflict) => self.settle(batch, queue).await,
                Err(error) => self.give_up(batch, queue, error).await,
            }
        }
    }

    /// What waits. When nothing does, `stored` is seen to first, and then waited; empty when nobody will send any more.
    async fn next(&self, queue: &mut mpsc::Receiver<Unit>, stored: &mut Option<Stored>) -> Vec<Unit> {
        let mut batch = Vec::with_capacity(self.shared.batch);
        // What is there already; it is cancel safe.
        let _ = queue.recv_many(&mut batch, self.shared.batch).now_or_never();
        if batch.is_empty() {
            if let Some(stored) = stored.take() {
                self.shared.commit(stored);
            }
            queue.recv_many(&mut batch, self.shared.batch).await;
        }
        batch
    }

    /// Nothing is known of the batch but that the database failed: everything on its way is taken back.
    async fn give_up(&mut self, mut units: Vec<Unit>, queue: &mut mpsc::Receiver<Unit>, error: sqlx::Error) {
        self.connection = None;
        let gate = self.shared.gate.clone();
        let _closed = gate.write().await;
        drain(queue, &mut units);
        // Everything: after a failover or a restore the log may be behind what is remembered.
        self.shared.cache().clear();
        tracing::error!(%error, commands = units.len(), "commands could not be stored");
        for unit in units {
            let _ = unit.answer.send(Err(StoreError::Unavailable(None)));
        }
    }

    /// Somebody was quicker. With further decisions held back and the head locked, everything on its
    /// way is decided again on what is really there.
    async fn settle(&mut self, mut units: Vec<Unit>, queue: &mut mpsc::Receiver<Unit>) {
        self.shared.metrics.conflicts.increment(1);
        let gate = self.shared.gate.clone();
        let _closed = gate.write().await;
        drain(queue, &mut units);
        self.shared.cache().rewind();
        let shared = self.shared.clone();
        let commands = units.len();
        let settled = within(async {
            Settling::new(shared).run(open(&self.shared, &mut self.connection).await?, units).await
        });
        match settled.await {
            Ok(Settled { stored, replays }) => {
                self.shared.commit(stored);
                self.replay(replays);
            }
            Err(error) => {
                // The callers of what was not answered learn it from their units' end.
                self.connection = None;
                self.shared.cache().clear();
                tracing::error!(%error, commands, "commands could not be stored");
            }
        }
    }

    /// Answers commands that were carried out before, beside the appender's work.
    fn replay(&self, replays: Vec<(Unit, KeyOf)>) {
        if replays.is_empty() {
            return;
        }
        let pool = self.shared.pool.clone();
        tokio::spawn(async move {
            for (unit, key) in replays {
                let outcome = replay_one(&pool, &key).await;
                let _ = unit.answer.send(outcome);
            }
        });
    }
}

async fn append(
    shared: &Shared,
    connection: &mut Option<PgConnection>,
    batch: &[Unit],
) -> Result<Appended, sqlx::Error> {
    let begun = Instant::now();
    let appended = append::append(open(shared, connection).await?, batch, Basis::Memory).await;
    shared.metrics.batch_seconds.record(begun.elapsed().as_secs_f64());
    appended
}

/// The appender's own connection, opened when there is none.
async fn open<'c>(
    shared: &Shared,
    connection: &'c mut Option<PgConnection>,
) -> Result<&'c mut PgConnection, sqlx::Error> {
    if connection.is_none() {
        let mut opened = PgConnection::connect_with(&shared.pool.connect_options()).await?;
        sqlx::Executor::execute(&mut opened, PATIENCE).await?;
        sqlx::Executor::execute(&mut opened, PLANS).await?;
        *connection = Some(opened);
    }
    connection.as_mut().ok_or(sqlx::Error::PoolClosed)
}

async fn replay_one(pool: &PgPool, key: &KeyOf) -> Result<Outcome, StoreError> {
    let mut connection = pool.acquire().await?;
    let answers = idempotency::find(&mut connection, std::slice::from_ref(key)).await?;
    match answers.get(key) {
        Some(answer) => idempotency::replay(&mut connection, answer).await,
        None => Err(StoreError::Unavailable(None)),
    }
}

/// Waits for the database, but not for ever.
async fn within<T, E: From<sqlx::Error>>(work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let late = |_elapsed| E::from(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
    tokio::time::timeout(ANSWER_WITHIN, work).await.map_err(late)?
}

fn drain(queue: &mut mpsc::Receiver<Unit>, units: &mut Vec<Unit>) {
    while let Ok(unit) = queue.try_recv() {
        units.push(unit);
    }
}

fn answer(unit: Unit, position: Option<LogPosition>) {
    let Some((stream, _)) = unit.decided.based_on.into_iter().next() else { return };
    let outcome = Outcome {
        stream,
        state: unit.decided.state,
        version: unit.decided.version,
        position,
        refusal: unit.decided.refusal,
    };
    // A caller that has gone away needs no answer.
    let _ = unit.answer.send(Ok(outcome));
}
