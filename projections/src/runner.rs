//! Applies the log to read models, one transaction a batch. An event that cannot be applied stops its model before the
//! event; no event is skipped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::LogPosition;
use event_store::{RecordedEvent, SPANS, log};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::apply_error::ApplyError;
use crate::batches::{BATCH_ENTRIES, Batches, Part};
use crate::checkpoint::{self, Checkpoint};
use crate::error::ProjectionError;
use crate::leadership::Leadership;
use crate::places::{Place, Places};
use crate::progress::Progress;
use crate::registry::Model;

/// First delay of a retry; it doubles each time.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);
/// Longest delay of a retry.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(30);

/// Delays that grow with consecutive failures.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }

    pub(crate) async fn pause(&mut self) {
        let delay = FIRST_RETRY_DELAY.saturating_mul(2_u32.saturating_pow(self.0)).min(MAX_RETRY_DELAY);
        self.0 = self.0.saturating_add(1);
        tokio::time::sleep(delay).await;
    }
}

/// Applies entries and moves the checkpoint in one transaction. Returns `None` if another process has moved it.
async fn advance(
    db: &mut PgConnection,
    model: Model,
    from: &Checkpoint,
    part: Part<'_>,
) -> Result<Option<Checkpoint>, ApplyError> {
    let to = from.after(part);
    let mut transaction = db.begin().await?;
    if !checkpoint::advance(&mut transaction, model.name(), from, &to).await? {
        return Ok(None);
    }
    model.apply(&mut transaction, part.events).await?;
    transaction.commit().await?;
    Ok(Some(to))
}

/// Applies entries up to the first unreadable one that the read model needs; other unreadable entries are counted. If a
/// batch fails for a permanent reason, its entries are applied one by one up to the failing one.
///
/// # Errors
/// [`ProjectionError::Poison`] at an event that cannot be applied, after all before it were; the database failed.
pub(crate) async fn apply(
    db: &mut PgConnection,
    model: Model,
    from: &Checkpoint,
    part: Part<'_>,
) -> Result<Option<Checkpoint>, ProjectionError> {
    let part = match part.needed(|kind| model.reads(kind)) {
        Some(record) => {
            let before = part.before(record.position);
            if before.is_empty() {
                let reason = record.reason.to_string();
                return Err(ProjectionError::Poison { model, position: record.position, reason });
            }
            before
        }
        None => part,
    };
    match advance(db, model, from, part).await {
        Err(error) if error.is_transient() => Err(error.into()),
        Err(_) => one_by_one(db, model, from, part).await,
        Ok(advanced) => Ok(advanced),
    }
}

async fn one_by_one(
    db: &mut PgConnection,
    model: Model,
    from: &Checkpoint,
    part: Part<'_>,
) -> Result<Option<Checkpoint>, ProjectionError> {
    let mut at = from.clone();
    let mut rest = part;
    for (position, _) in part.marks() {
        let (one, behind) = rest.split_after(position);
        rest = behind;
        at = match advance(db, model, &at, one).await {
            Ok(Some(next)) => next,
            Ok(None) => return Ok(None),
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return Err(ProjectionError::Poison { model, position, reason: error.summary() }),
        };
    }
    Ok(Some(at))
}

/// A read model and its checkpoint.
struct Runner {
    pool: PgPool,
    batches: Arc<Batches>,
    model: Model,
    at: Checkpoint,
}

impl Runner {
    /// Applies one batch, and returns its number of entries; 0 at the head.
    async fn step(&mut self) -> Result<usize, ProjectionError> {
        let batch = self.batches.after(self.at.position).await?;
        if batch.all().is_empty() {
            return Ok(0);
        }
        let mut db = self.pool.acquire().await?;
        let (name, begun) = (self.model.name(), Instant::now());
        let span = tracing::info_span!(target: SPANS, "projection", model = name, events = batch.all().len());
        let result = apply(&mut db, self.model, &self.at, batch.all()).instrument(span).await;
        metrics::histogram!("ocpizza_projection_batch_seconds", "model" => name)
            .record(begun.elapsed().as_secs_f64());
        self.at = match result {
            Ok(Some(next)) => next,
            // Another process has moved the checkpoint.
            Ok(None) => checkpoint::reload(&mut db, self.model.name()).await?,
            Err(error) => {
                self.at = checkpoint::load(&mut *db, self.model.name()).await?;
                return Err(error);
            }
        };
        Ok(batch.all().len())
    }
}

/// Shortest time between two incomplete batches. A single event is applied at once; under load, events are applied
/// together, because a batch of any size costs the same few statements.
const MIN_BATCH_INTERVAL: Duration = Duration::from_millis(20);

/// Waits before the next batch, unless the previous one was complete.
pub(crate) async fn keep_pace(begun: Instant, entries: usize) {
    if i64::try_from(entries).is_ok_and(|entries| entries < BATCH_ENTRIES) {
        tokio::time::sleep(MIN_BATCH_INTERVAL.saturating_sub(begun.elapsed())).await;
    }
}

/// Runs a read model while this process is the leader. Never ends.
pub(crate) async fn run(
    pool: PgPool,
    batches: Arc<Batches>,
    model: Model,
    leadership: Leadership,
    progress: Arc<Progress>,
) {
    let name = model.name();
    let mut backoff = Backoff::default();
    loop {
        leadership.gained(name).await;
        let at = match checkpoint::load(&pool, name).await {
            Ok(at) => at,
            Err(error) => {
                tracing::warn!(model = name, %error, "a checkpoint cannot be read");
                backoff.pause().await;
                continue;
            }
        };
        progress.reached(name, at.position);
        let mut runner = Runner { pool: pool.clone(), batches: batches.clone(), model, at };
        while leadership.holds(name) {
            let begun = Instant::now();
            match runner.step().await {
                Ok(0) => progress.head_beyond(runner.at.position).await,
                Ok(entries) => {
                    backoff.reset();
                    progress.reached(name, runner.at.position);
                    keep_pace(begun, entries).await;
                }
                Err(error) => {
                    progress.reached(name, runner.at.position);
                    report(&pool, model, &error).await;
                    backoff.pause().await;
                }
            }
        }
    }
}

/// Reports what stopped a read model: in its checkpoint, the metrics and the process's log.
async fn report(pool: &PgPool, model: Model, error: &ProjectionError) {
    let name = model.name();
    let ProjectionError::Poison { position, reason, .. } = error else {
        tracing::warn!(model = name, error = %Chain(error), "a read model waits for the database");
        return;
    };
    metrics::counter!("ocpizza_projection_failures_total", "model" => name).increment(1);
    match checkpoint::fail(pool, name, *position, reason).await {
        Ok(true) => {
            tracing::error!(model = name, %position, reason, "a read model has stopped at an event");
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(model = name, %position, %error, "a failure cannot be noted"),
    }
}

/// Displays an error with its causes on one line.
pub(crate) struct Chain<'a>(pub(crate) &'a (dyn std::error::Error + 'static));

impl std::fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

/// Brings every read model to the log's current head, concurrently.
///
/// # Errors
/// The first error of a read model: an event cannot be applied, or the database failed.
pub async fn catch_up(pool: &PgPool) -> Result<(), ProjectionError> {
    checkpoint::ensure(pool, Model::ALL.iter().map(|model| model.name())).await?;
    let head = log::head(pool).await?;
    let (mut behind, places) = (Vec::new(), Places::default());
    for model in Model::ALL.iter().copied() {
        let at = checkpoint::load(pool, model.name()).await?;
        if at.position < head.0 {
            behind.push((model, places.take(model, at.position), at));
        }
    }
    let models: Vec<Model> = behind.iter().map(|(model, ..)| *model).collect();
    let batches = Arc::new(Batches::of_models(pool.clone(), &models));
    // Concurrently, so that the log is read once for all.
    let mut tasks = JoinSet::new();
    for (model, place, at) in behind {
        let runner = Runner { pool: pool.clone(), batches: batches.clone(), model, at };
        tasks.spawn(catch_up_one(runner, place, head));
    }
    tasks.join_all().await.into_iter().collect()
}

async fn catch_up_one(mut runner: Runner, place: Place, head: LogPosition) -> Result<(), ProjectionError> {
    while runner.at.position < head.0 {
        place.keep_together(runner.at.position).await;
        match runner.step().await {
            Ok(0) => break,
            Ok(_) => {}
            Err(error) => {
                report(&runner.pool, runner.model, &error).await;
                return Err(error);
            }
        }
    }
    Ok(())
}

/// Applies events to a read model, in order; events that it has counted are ignored.
///
/// # Errors
/// As [`catch_up`].
pub async fn deliver(pool: &PgPool, model: Model, events: &[RecordedEvent]) -> Result<(), ProjectionError> {
    checkpoint::ensure(pool, [model.name()]).await?;
    let at = checkpoint::load(pool, model.name()).await?;
    let new = events.iter().position(|event| event.position.0 > at.position).unwrap_or(events.len());
    if new < events.len() {
        let mut db = pool.acquire().await?;
        apply(&mut db, model, &at, Part::of(&events[new..])).await?;
    }
    Ok(())
}
