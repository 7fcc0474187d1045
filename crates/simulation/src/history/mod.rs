//! Generated histories of the demo's pizzerias: the domain's use cases and policies, decided in memory with a seeded random
//! generator and a simulated clock, and stored by COPY. For audits and measurements on large logs.

mod agenda;
mod baskets;
mod day;
mod deliveries;
mod journal;
mod kitchen;
mod orders;
mod people;
mod play;
mod stockroom;
mod world;

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use domain::usecase::Refusal;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::bulk::{BulkError, BulkLoad, Rows};
use event_store::{CommandContext, StoreError};
use identity::accounts::{self, Account, AuthError};
use projections::Checkpoint;
use sqlx::PgPool;
use tokio::sync::mpsc;

use crate::demo::{self, SeedError};
use play::Play;

/// Events per day by default.
const DEFAULT_EVENTS_PER_DAY: u64 = 2_750;
/// Events per day beyond which the demo's couriers and ovens cannot keep up.
const MAX_EVENTS_PER_DAY: u64 = 20_000;
/// Batches that may wait to be stored, which bounds the memory.
const MAX_WAITING_BATCHES: usize = 4;

/// Options of a history. The same options and program make the same events, byte for byte.
#[derive(Debug, Clone)]
pub struct Options {
    /// Number of events, from 1,000; a few more, because a command's events stay together.
    pub events: u64,
    /// Seed of the random generator.
    pub seed: u64,
    /// Number of days; derived from the events by default.
    pub days: Option<u32>,
    /// First day; 2025-01-01 by default.
    pub from: Option<NaiveDate>,
}

impl Options {
    /// Returns options with the default days.
    pub fn new(events: u64, seed: u64) -> Self {
        Self { events, seed, days: None, from: None }
    }

    /// Returns the number of days.
    pub fn days(&self) -> u64 {
        self.days.map_or_else(|| self.events.div_ceil(DEFAULT_EVENTS_PER_DAY), u64::from).max(1)
    }

    fn first_day(&self) -> NaiveDate {
        self.from.or_else(|| NaiveDate::from_ymd_opt(2025, 1, 1)).unwrap_or_default()
    }
}

/// Summary of a history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The last position of the log.
    pub position: LogPosition,
    /// Time of the first event, by the simulated clock.
    pub begins: DateTime<Utc>,
    /// Time of the last event.
    pub ends: DateTime<Utc>,
    /// Number of events by type.
    pub events: BTreeMap<&'static str, u64>,
    /// Number of refusals by code, including stored ones.
    pub refusals: BTreeMap<&'static str, u64>,
}

/// Why no history was stored.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The options are invalid.
    #[error("{0}")]
    Options(String),
    /// The database is not empty.
    #[error("the database must be empty: use another one")]
    NotEmpty,
    /// The domain refused the initial data: a fault of the program.
    #[error("the demo's data was refused: {0:?}")]
    Refused(Box<Refusal>),
    /// The log could not be filled.
    #[error("the log cannot be filled")]
    Bulk(#[source] BulkError),
    /// A command could not be executed: a fault of the program.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The accounts could not be stored.
    #[error(transparent)]
    Accounts(#[from] AuthError),
    /// The passwords could not be stored.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The simulation ended early.
    #[error("the simulation failed: {0}")]
    Failed(String),
}

impl From<BulkError> for SimulateError {
    fn from(error: BulkError) -> Self {
        match error {
            BulkError::NotEmpty => Self::NotEmpty,
            error => Self::Bulk(error),
        }
    }
}

/// A command of the initial data, whose idempotency key is stored with its result.
#[derive(Debug)]
pub struct Answered {
    context: CommandContext,
    stream: StreamId,
    version: i64,
    position: LogPosition,
    recorded_at: DateTime<Utc>,
}

/// Result of a simulation besides its events.
#[derive(Debug)]
struct Ending {
    summary: Summary,
    counted: Checkpoint,
    answered: Vec<Answered>,
    snapshots: Vec<(StreamId, AggregateState, i64)>,
}

/// Fills an empty, migrated database with a history: events, accounts with the demo's password, and checkpoints of reactors.
/// Personal data of orders is omitted, as after its retention. Read models catch up when a process runs.
///
/// # Errors
/// [`SimulateError`]; then nothing is stored.
pub async fn generate(
    pool: &PgPool,
    options: &Options,
    now: DateTime<Utc>,
) -> Result<Summary, SimulateError> {
    check(options, now)?;
    let mut log = BulkLoad::begin(pool).await?;
    let known: bool =
        sqlx::query_scalar("SELECT EXISTS (SELECT FROM accounts)").fetch_one(log.connection()).await?;
    if known {
        return Err(SimulateError::NotEmpty);
    }
    let accounts = people::accounts(options.seed);
    let begins = play::begin(options.first_day());
    accounts::store_accounts_in(log.connection(), &accounts, begins).await?;

    let (sender, mut batches) = mpsc::channel::<Rows>(MAX_WAITING_BATCHES);
    let playing = tokio::task::spawn_blocking({
        let options = options.clone();
        move || play(&options, &accounts, sender)
    });
    while let Some(rows) = batches.recv().await {
        // On an error, dropping the batches also ends the simulation.
        log.write(rows).await?;
    }
    let ending = playing.await.map_err(|error| SimulateError::Failed(error.to_string()))??;
    for done in &ending.answered {
        log.answered(&done.context, &done.stream, done.version, done.position, done.recorded_at).await?;
    }
    for (stream, state, version) in ending.snapshots {
        log.snapshot(&stream, state, version).await?;
    }
    projections::have_reacted(log.connection(), &ending.counted).await?;
    log.finish().await?;
    demo::give_passwords(pool, begins).await?;
    // Without statistics, the planner would assume a small table until a vacuum.
    sqlx::query("ANALYZE events").execute(pool).await?;
    Ok(ending.summary)
}

fn check(options: &Options, now: DateTime<Utc>) -> Result<(), SimulateError> {
    let days = options.days();
    if options.events < 1_000 {
        return Err(SimulateError::Options(
            "--events must be at least 1000: the initial data alone has 450".to_owned(),
        ));
    }
    if options.events / days > MAX_EVENTS_PER_DAY {
        let least = options.events.div_ceil(MAX_EVENTS_PER_DAY);
        return Err(SimulateError::Options(format!(
            "--days must be at least {least}: the demo's couriers can deliver at most {MAX_EVENTS_PER_DAY} events a day"
        )));
    }
    let length = i64::try_from(days).ok().and_then(|days| TimeDelta::try_days(days + 2));
    let end = length.and_then(|length| play::begin(options.first_day()).checked_add_signed(length));
    if end.is_none_or(|end| end > now) {
        return Err(SimulateError::Options(
            "the history must end in the past: set an earlier --from or fewer --days".to_owned(),
        ));
    }
    Ok(())
}

fn play(
    options: &Options,
    accounts: &[Account],
    batches: mpsc::Sender<Rows>,
) -> Result<Ending, SimulateError> {
    let mut play = Play::new(options, accounts, batches);
    let answered = play.found(accounts)?;
    play.run()?;
    play.end(answered)
}
