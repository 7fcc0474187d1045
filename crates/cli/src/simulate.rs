//! `simulate`: fills an empty database with a generated history.

use std::time::Instant;

use chrono::NaiveDate;
use identity::clock::Clock;
use server::production;
use server::sealing;
use simulation::history::{self, Options};

use crate::arguments::{day, number};
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Reason in the note that begins the tree of a generated log.
const SIMULATED: &str = "a generated history: its events were recorded when they were generated";

/// Fill an empty, migrated database with a generated history of the demo's pizzerias
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  DATABASE_URL=postgres://localhost/audit ocpizza-manager simulate --events 1000000 --seed 1"
)]
pub(crate) struct Args {
    /// Number of events; a few more, because those of a command stay together
    #[arg(long, value_name = "N", value_parser = number(0..=u64::MAX))]
    events: u64,
    /// Seed of the random generator: the same seed makes the same events, byte for byte
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = number(0..=u64::MAX))]
    seed: u64,
    /// Number of days [default: one for every 2750 events]
    #[arg(long, value_name = "N", value_parser = number(0..=u32::MAX))]
    days: Option<u32>,
    /// First day [default: 2025-01-01]
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = day)]
    from: Option<NaiveDate>,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_demo(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 2).await?;
    let options = Options { events: args.events, seed: args.seed, days: args.days, from: args.from };
    let begun = Instant::now();
    let made = history::generate(&pool, &options, Clock::system().now()).await?;
    let seconds = begun.elapsed().as_secs_f64();
    // The events have old times: without a resumption, sealing would refuse them as late.
    let (signer, now) = (sealing::signer(&settings, &pool).await?, Clock::system().now());
    signer.resume(&mut *pool.acquire().await?, SIMULATED, &[], now).await?;
    #[allow(clippy::cast_precision_loss)] // far below 2^53
    let rate = made.position.0 as f64 / seconds;
    for (name, count) in &made.events {
        say(format_args!("{count:>10}  {name}"));
    }
    say(format_args!(
        "{} events from {} to {}, in {seconds:.1} s: {rate:.0} a second",
        made.position,
        made.begins.date_naive(),
        made.ends.date_naive()
    ));
    Ok(())
}
