//! Brings read models forward, a batch and a transaction at a time. An event that one cannot take stops
//! that one, before the event; it is never skipped.

use std::sync::Arc;
use std::time::{Duration, Instant};

use domain::LogPosition;
use event_store::{RecordedEvent, SPANS, log};
use sqlx::{Connection, PgConnection, PgPool};
use tokio::task::JoinSet;
use tracing::Instrument;

use crate::batches::{BATCH, Batches, Part};
use crate::checkpoint::{self, Checkpoint};
use crate::error::{ApplyError, ProjectionError};
use crate::leadership::Leadership;
use crate::places::{Place, Places};
use crate::progress::Progress;
use crate::registry::Model;

/// How long after a failure it is tried again, at first; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// And at most.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Pauses that grow while something keeps failing.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }

    pub(crate) async fn pause(&mut self) {
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(self.0)).min(LONGEST_PAUSE);
        self.0 = self.0.saturating_add(1);
        tokio::time::sleep(pause).await;
    }
}

/// Counts and applies entries in one transaction; none when somebody else has moved the checkpoint.
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

/// Applies entries of the log, up to the first that the read model would need and that this program
/// cannot read; the others that it cannot read are counted. When applying fails for a reason that will
/// not pass, it goes on entry by entry, so that all before the one that cannot be taken are.
///
/// # Errors
/// [`ProjectionError::Poison`] at an event that cannot be taken, once all before it are; the database.
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

/// One read model at one place of the log.
struct Runner {
    pool: PgPool,
    batches: Arc<Batches>,
    model: Model,
    at: Checkpoint,
}

impl Runner {
    /// One batch: of how many entries, none at the head.
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
            // Somebody else was here: what is stored says how far.
            Ok(None) => checkpoint::reload(&mut db, self.model.name()).await?,
            Err(error) => {
                self.at = checkpoint::load(&mut *db, self.model.name()).await?;
                return Err(error);
            }
        };
        Ok(batch.all().len())
    }
}

/// The least time between two batches that are not full. An event that comes alone is applied at once; while many come,
/// they are applied together, because a batch costs the database the same few statements whatever its size.
const PACE: Duration = Duration::from_millis(20);

/// Waits until a batch of so many entries, begun then, may be followed by the next: at once when it was full, because
/// there is more.
pub(crate) async fn keep_pace(begun: Instant, entries: usize) {
    if i64::try_from(entries).is_ok_and(|entries| entries < BATCH) {
        tokio::time::sleep(PACE.saturating_sub(begun.elapsed())).await;
    }
}

/// Runs a read model for as long as this process is the one to do so; then waits to be again.
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

/// Reports what stopped a read model: in its row, in the metrics, and in one line of the log.
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

/// An error with its causes, in one line.
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

/// Brings every read model to the log's head as it is now. One that stops does not hold up the others.
///
/// # Errors
/// The first read model's that stopped: a poison event, or the database.
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
    // Side by side, so that the log is read once for all.
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

/// Gives events to a read model, in order; those that it has counted before change nothing.
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
