//! A log of a million events, projected and sealed: created once per run and shared read-only.

use std::time::Instant;

use anyhow::{Result, bail};
use bench::postgres::note;
use bench::{Database, binary};
use identity::clock::Clock;
use simulation::history::{Options, generate};
use sqlx::Executor;

use crate::Bench;

/// Seed of the generated histories.
pub(crate) const SEED: u64 = 7;
/// Its number of events; a short run uses the minimum for a history with all pizzerias and an evening.
const EVENTS: (u64, u64) = (1_000_000, 2_000);

/// The log, and the cost of creating it.
#[derive(Debug)]
pub(crate) struct Million {
    /// The database.
    pub(crate) database: Database,
    /// Number of events.
    pub(crate) events: i64,
}

impl Bench {
    /// The log of a million events, created by the first caller.
    pub(crate) async fn million(&self) -> Result<&Million> {
        self.million.get_or_try_init(|| make(self)).await
    }
}

/// A database with a generated history, and its number of events: slightly more than requested, since a command's
/// events stay together.
pub(crate) async fn generated(bench: &Bench, events: u64) -> Result<(Database, i64)> {
    let database = bench.cluster.database().await?;
    let made = generate(&database.pool, &Options::new(events, SEED), Clock::system().now()).await?;
    Ok((database, made.position.0))
}

/// Seals a whole log. Generated events are too old to be sealed without an operator's resumption.
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
    // As the server does within a minute, but not during a measurement.
    database.pool.execute("VACUUM (ANALYZE)").await?;
    note(&format!(
        "  {events} events generated in {generating:.0} s, ten read models caught up in {catching_up:.0} s"
    ));
    Ok(Million { database, events })
}
