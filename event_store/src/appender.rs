//! The appender task: drains the queue, stores, and answers. One a process, restarted if it dies.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use domain::usecase::Refusal;
use domain::{LogPosition, StreamId};
use sqlx::{Connection, PgConnection, PgPool, Postgres, Transaction};
use tokio::sync::{RwLock, mpsc};
use tracing::Instrument;

use crate::append::{self, Appended, Basis};
use crate::cache::{Attempt, Cache, Versioned};
use crate::command::Outcome;
use crate::error::StoreError;
use crate::idempotency::{self, Answer, KeyOf};
use crate::load;
use crate::log::{self, LogEntry};
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

impl Appender {
    async fn run(mut self, queue: &mut mpsc::Receiver<Unit>) {
        let mut units = Vec::with_capacity(self.shared.batch);
        while queue.recv_many(&mut units, self.shared.batch).await > 0 {
            let batch = std::mem::take(&mut units);
            self.shared.metrics.batch_commands.record(count(batch.len()));
            if std::mem::take(&mut self.after_fault) {
                self.settle(batch, queue).await;
                continue;
            }
            let span = tracing::info_span!(target: SPANS, "append", commands = batch.len());
            match within(self.append(&batch)).instrument(span).await {
                Ok(Appended::After(base)) => self.commit(batch, base),
                Ok(Appended::Conflict) => self.settle(batch, queue).await,
                Err(error) => self.give_up(batch, queue, error).await,
            }
        }
    }

    async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        if self.connection.is_none() {
            let mut connection = PgConnection::connect_with(&self.shared.pool.connect_options()).await?;
            sqlx::Executor::execute(&mut connection, PATIENCE).await?;
            sqlx::Executor::execute(&mut connection, PLANS).await?;
            self.connection = Some(connection);
        }
        self.connection.as_mut().ok_or(sqlx::Error::PoolClosed)
    }

    async fn append(&mut self, batch: &[Unit]) -> Result<Appended, sqlx::Error> {
        let begun = Instant::now();
        let appended = append::append(self.connection().await?, batch, Basis::Memory).await;
        self.shared.metrics.batch_seconds.record(begun.elapsed().as_secs_f64());
        appended
    }

    /// A batch is stored: the states follow, and everybody is answered.
    fn commit(&mut self, batch: Vec<Unit>, base: LogPosition) {
        let metrics = self.shared.metrics.clone();
        let mut position = base;
        let mut grown = Vec::new();
        let mut answers = Vec::with_capacity(batch.len());
        {
            let mut cache = self.shared.cache();
            for unit in batch {
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
        metrics.events.increment(events.unsigned_abs());
        metrics.batch_events.record(count(usize::try_from(events).unwrap_or_default()));
        // Before anybody is answered: who asks next is shown what they were told.
        self.shared.stored.fetch_max(position.0, Ordering::Relaxed);
        for (unit, position) in answers {
            answer(unit, position);
        }
        self.write_snapshots(grown);
    }

    fn write_snapshots(&self, grown: Vec<(StreamId, Versioned)>) {
        if grown.is_empty() {
            return;
        }
        let pool = self.shared.pool.clone();
        tokio::spawn(async move {
            for (stream, snapshot) in grown {
                if let Err(error) = snapshot::write(&pool, &stream, &snapshot).await {
                    tracing::warn!(%error, %stream, "a snapshot was not written");
                }
            }
        });
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
            Settling { shared, fresh: HashSet::new() }.run(self.connection().await?, units).await
        });
        match settled.await {
            Ok(Settled { stored, base, replays }) => {
                self.commit(stored, base);
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

/// What settling came to.
struct Settled {
    stored: Vec<Unit>,
    base: LogPosition,
    /// Commands whose key was known: answered as the first time.
    replays: Vec<(Unit, KeyOf)>,
}

struct Settling {
    shared: Shared,
    /// Streams in memory that are known to be as stored.
    fresh: HashSet<StreamId>,
}

impl Settling {
    async fn run(mut self, connection: &mut PgConnection, units: Vec<Unit>) -> Result<Settled, StoreError> {
        let mut transaction = self.lock(connection, &units).await?;
        let keys: Vec<KeyOf> = units.iter().filter_map(|unit| idempotency::key_of(&unit.context)).collect();
        let mut known = idempotency::find(&mut transaction, &keys).await?;
        let mut stored = Vec::with_capacity(units.len());
        let mut replays = Vec::new();
        for mut unit in units {
            if let Some((key, answer)) = known_answer(&known, &unit) {
                if unit.context.idempotency.as_ref().is_some_and(|i| answer.fingerprint == i.fingerprint) {
                    replays.push((unit, key));
                } else {
                    self.answer_reused(unit);
                }
                continue;
            }
            match self.decide_again(&mut transaction, &mut unit).await {
                Ok(()) => {
                    if let (Some(key), Some((_, answer))) =
                        (idempotency::key_of(&unit.context), idempotency::to_be_stored(&unit))
                    {
                        // Used twice in one batch: the second is answered as the first.
                        known.insert(key, answer);
                    }
                    stored.push(unit);
                }
                Err(error) => {
                    let _ = unit.answer.send(Err(error));
                }
            }
        }
        // Under the head's lock nobody can be quicker: on a conflict the states in memory were wrong.
        let base = match append::append(&mut transaction, &stored, Basis::Locked).await? {
            Appended::After(base) => base,
            Appended::Conflict => return Err(StoreError::Conflict),
        };
        transaction.commit().await?;
        Ok(Settled { stored, base, replays })
    }

    /// The key was used for something else: nothing is decided, and the thing is shown as it is.
    fn answer_reused(&self, unit: Unit) {
        let Some((stream, _)) = unit.decided.based_on.into_iter().next() else { return };
        let present = self.shared.cache().committed(&stream).unwrap_or_else(|| Versioned::empty(&stream));
        let outcome = Outcome {
            stream,
            state: present.state,
            version: present.version,
            position: None,
            refusal: Some(Refusal::IdempotencyKeyReused),
        };
        let _ = unit.answer.send(Ok(outcome));
    }

    /// Takes the head's lock and reads what others have appended to the streams in memory.
    async fn lock<'c>(
        &mut self,
        connection: &'c mut PgConnection,
        units: &[Unit],
    ) -> Result<Transaction<'c, Postgres>, StoreError> {
        let mut transaction = connection.begin().await?;
        sqlx::query("SELECT position FROM event_log_head FOR UPDATE").execute(&mut *transaction).await?;
        let streams =
            units.iter().flat_map(|unit| unit.decided.based_on.iter().map(|(stream, _)| stream.clone()));
        self.refresh(&mut transaction, streams.collect()).await?;
        Ok(transaction)
    }

    /// Brings streams in memory up to what is stored; under the head's lock they stay so.
    async fn refresh(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        streams: Vec<StreamId>,
    ) -> Result<(), StoreError> {
        let mut cached: HashMap<StreamId, i64> = HashMap::new();
        {
            let cache = self.shared.cache();
            for stream in streams {
                if let (false, Some(version)) =
                    (self.fresh.contains(&stream), cache.committed_version(&stream))
                {
                    cached.insert(stream, version);
                }
            }
        }
        let mut unreadable = HashSet::new();
        for entry in log::read_newer(&mut *transaction, &cached).await? {
            match entry {
                LogEntry::Event(event) if !unreadable.contains(&event.stream) => {
                    self.shared.cache().catch_up(&event.stream, event.sequence, &event.event)?;
                }
                LogEntry::Event(_) => {}
                LogEntry::Unreadable(record) => unreadable.extend(record.stream()),
            }
        }
        // Loaded when they are needed: that fails for those who need them, and not for their neighbours.
        unreadable.iter().for_each(|stream| self.shared.cache().forget(stream));
        self.fresh.extend(cached.into_keys().filter(|stream| !unreadable.contains(stream)));
        Ok(())
    }

    async fn decide_again(
        &mut self,
        transaction: &mut Transaction<'_, Postgres>,
        unit: &mut Unit,
    ) -> Result<(), StoreError> {
        // Each round loads or refreshes a stream that was not yet, so the rounds end.
        loop {
            let named = self.shared.cache().settle_streams(&*unit.use_case)?;
            match named {
                Err(missing) => {
                    for stream in missing {
                        let loaded = load::stream(&mut *transaction, &stream).await?;
                        self.shared.cache().replace(stream.clone(), loaded);
                        self.fresh.insert(stream);
                    }
                }
                Ok(streams) if streams.iter().all(|stream| self.fresh.contains(stream)) => {
                    if let Attempt::Decided(decided) =
                        self.shared.cache().attempt(&*unit.use_case, &unit.context)?
                    {
                        unit.decided = decided;
                        return Ok(());
                    }
                }
                Ok(streams) => self.refresh(transaction, streams).await?,
            }
        }
    }
}

fn known_answer<'a>(known: &'a HashMap<KeyOf, Answer>, unit: &Unit) -> Option<(KeyOf, &'a Answer)> {
    let key = idempotency::key_of(&unit.context)?;
    let answer = known.get(&key)?;
    Some((key, answer))
}
