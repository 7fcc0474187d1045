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
    /// How many events there are: a few more than asked for, since a command's stay together.
    pub(crate) events: i64,
}

impl Bench {
    /// The log of a million events; made by the first who asks.
    pub(crate) async fn million(&self) -> Result<&Million> {
        self.million.get_or_try_init(|| make(self)).await
    }
}

async fn make(bench: &Bench) -> Result<Million> {
    let began = Instant::now();
    let database = bench.cluster.database().await?;
    let events = bench.length.pick(EVENTS.0, EVENTS.1);
    let made = generate(&database.pool, &Options::new(events, SEED), Clock::system().now()).await?;
    let generated = began.elapsed().as_secs_f64();
    projections::catch_up(&database.pool).await?;
    let caught_up = began.elapsed().as_secs_f64() - generated;
    let sealed = binary::command(&database.url).await?.args(["audit", "seal"]).status().await?;
    if !sealed.success() {
        bail!("`ocpizza-manager audit seal`: {sealed}");
    }
    // As the server does by itself within a minute; not in the middle of a measurement.
    database.pool.execute("VACUUM (ANALYZE)").await?;
    let events = made.position.0;
    note(&format!(
        "  {events} events generated in {generated:.0} s, ten read models caught up in {caught_up:.0} s"
    ));
    Ok(Million { database, events })
}
