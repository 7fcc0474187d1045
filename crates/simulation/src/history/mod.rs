//! A history of the demo's pizzerias, generated: the domain's own use cases and policies, decided in memory by a
//! seeded generator and a clock of its own, and stored by COPY. For audits and measurements on large logs; an
//! evening through the API is [`crate::demo::traffic`].

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

/// Events of a usual day: the default number of days makes as many.
const USUAL_DAY: u64 = 2_750;
/// Events of a day beyond which the demo's couriers and ovens would not keep up.
const FULLEST_DAY: u64 = 20_000;
/// Batches that may wait to be stored: what bounds the memory.
const WAITING: usize = 4;

/// What history is made. The same options make the same events, byte for byte, by the same program.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many events; a few more, since a command's events stay together. From 1,000 on.
    pub events: u64,
    /// What every choice follows from.
    pub seed: u64,
    /// Over how many days; by default as many as make usual days.
    pub days: Option<u32>,
    /// The first day; by default 2025-01-01.
    pub from: Option<NaiveDate>,
}

impl Options {
    /// So many events, by a seed, over usual days.
    pub fn new(events: u64, seed: u64) -> Self {
        Self { events, seed, days: None, from: None }
    }

    /// How many days it is spread over.
    pub fn days(&self) -> u64 {
        self.days.map_or_else(|| self.events.div_ceil(USUAL_DAY), u64::from).max(1)
    }

    fn first_day(&self) -> NaiveDate {
        self.from.or_else(|| NaiveDate::from_ymd_opt(2025, 1, 1)).unwrap_or_default()
    }
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The last position of the log.
    pub position: LogPosition,
    /// When the first event was recorded, by the history's clock.
    pub begins: DateTime<Utc>,
    /// When the last one was.
    pub ends: DateTime<Utc>,
    /// How many events of each type.
    pub events: BTreeMap<&'static str, u64>,
    /// Refusals by code, stored ones included.
    pub refusals: BTreeMap<&'static str, u64>,
}

/// Why no history was made. Nothing was stored.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The options do not fit.
    #[error("{0}")]
    Options(String),
    /// The database holds something.
    #[error("the database is not empty: a history is only made in an empty one")]
    NotEmpty,
    /// The domain refused what a history begins with: a fault of the program.
    #[error("the demo's data was refused: {0:?}")]
    Refused(Box<Refusal>),
    /// The log could not be filled.
    #[error("the log cannot be filled")]
    Bulk(#[source] BulkError),
    /// A command could not be carried out: a fault of the program.
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
    /// Playing ended before its time.
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

/// A command of the foundations, whose key is stored with what it answered.
#[derive(Debug)]
pub struct Answered {
    context: CommandContext,
    stream: StreamId,
    version: i64,
    position: LogPosition,
    recorded_at: DateTime<Utc>,
}

/// What is left at the end of a play, beside its events.
#[derive(Debug)]
struct Ending {
    summary: Summary,
    counted: Checkpoint,
    answered: Vec<Answered>,
    snapshots: Vec<(StreamId, AggregateState, i64)>,
}

/// Fills an empty, migrated database with a history: events, accounts that may sign in with the demo's password,
/// and reactors that have reacted. Personal data of orders is left out, as if its time were over. Read models
/// catch up once a process runs.
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

    let (sender, mut batches) = mpsc::channel::<Rows>(WAITING);
    let playing = tokio::task::spawn_blocking({
        let options = options.clone();
        move || play(&options, &accounts, sender)
    });
    while let Some(rows) = batches.recv().await {
        // Dropping the batches on a failure ends the play, too.
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
    // Planners would take the table for small until a vacuum came round.
    sqlx::query("ANALYZE events").execute(pool).await?;
    Ok(ending.summary)
}

fn check(options: &Options, now: DateTime<Utc>) -> Result<(), SimulateError> {
    let days = options.days();
    if options.events < 1_000 {
        return Err(SimulateError::Options("at least 1000 events: the pizzerias alone take 450".to_owned()));
    }
    if options.events / days > FULLEST_DAY {
        let least = options.events.div_ceil(FULLEST_DAY);
        return Err(SimulateError::Options(format!(
            "at most {FULLEST_DAY} events a day fit the demo's couriers: give at least {least} days"
        )));
    }
    let length = i64::try_from(days).ok().and_then(|days| TimeDelta::try_days(days + 2));
    let end = length.and_then(|length| play::begin(options.first_day()).checked_add_signed(length));
    if end.is_none_or(|end| end > now) {
        return Err(SimulateError::Options(
            "the history would end in the future: begin earlier, or take fewer days".to_owned(),
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
