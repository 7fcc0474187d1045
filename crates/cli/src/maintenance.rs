//! `maintenance`: while it is on, every process refuses mutations. Changes one row, which the processes watch.

use anyhow::anyhow;
use chrono::{DateTime, TimeDelta, Utc};
use identity::clock::Clock;
use identity::maintenance::{self, Window, rfc3339};
use sqlx::Connection;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Refuse mutations in every process; queries and subscriptions continue
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ocpizza-manager maintenance on --message \"Back at 23:30\" --until 2026-11-24T22:30:00Z"
)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Turn it on, or change its message and time
    #[command(
        after_help = "Example:\n  ocpizza-manager maintenance on --message \"Back in half an hour\" --until 30m"
    )]
    On {
        /// Message for callers
        #[arg(long, value_name = "TEXT", default_value = "The application is under maintenance.")]
        message: String,
        /// Expected end: a time (2026-11-24T22:30:00Z) or a duration (30m, 2h); it stays on until it is turned off
        #[arg(long, value_name = "TIME", value_parser = parse_until)]
        until: Option<Until>,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Turn it off
    #[command(after_help = "Example:\n  ocpizza-manager maintenance off")]
    Off {
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Print whether it is on
    #[command(after_help = "Example:\n  ocpizza-manager maintenance status")]
    Status {
        #[command(flatten)]
        data_dir: DataDir,
    },
}

/// Expected end.
#[derive(Debug, Clone, Copy)]
enum Until {
    At(DateTime<Utc>),
    In(TimeDelta),
}

/// Reads a time or a duration.
fn parse_until(text: &str) -> Result<Until, String> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Ok(Until::At(at.to_utc()));
    }
    let hours = text.strip_suffix('h').and_then(|hours| hours.parse().ok());
    let minutes = text.strip_suffix('m').and_then(|minutes| minutes.parse().ok());
    let duration = hours.and_then(TimeDelta::try_hours).or(minutes.and_then(TimeDelta::try_minutes));
    let year = TimeDelta::days(366);
    duration.filter(|duration| *duration > TimeDelta::zero() && *duration < year).map(Until::In).ok_or_else(
        || {
            "it must be a time such as 2026-11-24T22:30:00Z or a duration such as 30m or 2h, below 366 days"
                .to_owned()
        },
    )
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let (What::On { data_dir, .. } | What::Off { data_dir } | What::Status { data_dir }) = &args.what;
    let mut db = database::connect_migrated(&database::url(&settings, data_dir)?).await?;
    match args.what {
        What::On { message, until, .. } => {
            let now = Clock::system().now();
            let until = match until {
                Some(Until::At(at)) => Some(at),
                Some(Until::In(duration)) => {
                    let at = now.checked_add_signed(duration);
                    Some(at.ok_or_else(|| anyhow!("--until must be before the year 262143"))?)
                }
                None => None,
            };
            let window = maintenance::turn_on(&mut db, &message, until, now).await?;
            say(line(Some(&window)));
        }
        What::Off { .. } => {
            let was_on = maintenance::turn_off(&mut db).await?;
            say(if was_on { line(None) } else { "maintenance was off already".to_owned() });
        }
        What::Status { .. } => say(line(maintenance::read(&mut db).await?.as_ref())),
    }
    db.close().await?;
    Ok(())
}

fn line(window: Option<&Window>) -> String {
    match window {
        None => "maintenance is off".to_owned(),
        Some(Window { message, since, until: None }) => {
            format!("maintenance is on since {}: {message}", rfc3339(*since))
        }
        Some(Window { message, since, until: Some(until) }) => {
            format!("maintenance is on since {}, until {}: {message}", rfc3339(*since), rfc3339(*until))
        }
    }
}
