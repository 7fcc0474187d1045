//! A log of a million events with every read model caught up and all of it sealed: made once a run, for all who
//! measure on one. Nobody changes it.

use std::time::Instant;

use anyhow::{Result, bail};
use bench::postgres::note;
use bench::{Database, binary};
use graphql::clock::Clock;
use graphql::simulate::{Options, generate};
use sqlx::Executor;

use crate::Bench;

/// What the generated histories of this program follow from.
pub(crate) const SEED: u64 = 7;
/// How many events it has; of a short run, as few as a history's pizzerias and an evening take.
const EVENTS: (u64, u64) = (1_000_000, 2_000);

/// The log, and what making it took.
#[derive(Debug)]
pub(crate) struct Million {
    /// The database.
    pub(crate) database: Database,
    /// How many events there are.
    pub(crate) events: i64,
}

impl Bench {
    /// The log of a million events; made by the first who asks.
    pub(crate) async fn million(&self) -> Result<&Million> {
        self.million.get_or_try_init(|| make(self)).await
    }
}

/// A database with a generated history, and how many events it has: a few more than asked for, since a command's stay
/// together.
pub(crate) async fn generated(bench: &Bench, events: u64) -> Result<(Database, i64)> {
    let database = bench.cluster.database().await?;
    let made = generate(&database.pool, &Options::new(events, SEED), Clock::system().now()).await?;
    Ok((database, made.position.0))
}

/// Seals all of a log. Generated events are older than what is sealed without an operator's word.
pub(crate) async fn seal(database: &Database) -> Result<()> {
    let arguments = ["audit", "resume", "--reason", "generated history"];
    let sealed = binary::command(&database.url).await?.args(arguments).status().await?;
    if !sealed.success() {
        bail!("`ocpizza-manager audit resume`: {sealed}");
    }
    Ok(())
}

async fn make(bench: &Bench) -> Result<Million> {
    let began = Instant::now();
    let (database, events) = generated(bench, bench.length.pick(EVENTS.0, EVENTS.1)).await?;
    let generating = began.elapsed().as_secs_f64();
    projections::catch_up(&database.pool).await?;
    let catching_up = began.elapsed().as_secs_f64() - generating;
    seal(&database).await?;
    // As the server does by itself within a minute; not in the middle of a measurement.
    database.pool.execute("VACUUM (ANALYZE)").await?;
    note(&format!(
        "  {events} events generated in {generating:.0} s, ten read models caught up in {catching_up:.0} s"
    ));
    Ok(Million { database, events })
}
