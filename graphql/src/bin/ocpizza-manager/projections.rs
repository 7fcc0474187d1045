//! `projections`: where the read models are, and whether they are what the log says.

use anyhow::bail;
use clap::Subcommand;
use graphql::config::Settings;
use projections::{Model, ModelReport, RunsAt, Status};
use sqlx::PgPool;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Differences printed of each read model.
const SHOWN: usize = 10;

/// See where the read models are, rebuild one, or verify them all against the log
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager projections verify")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say how far each read model and reactor has come, and what stopped it
    #[command(after_help = "Example:\n  ocpizza-manager projections status")]
    Status {
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Fill one anew from the whole log beside the live one, and swap it in at the end
    #[command(after_help = "Example:\n  ocpizza-manager projections rebuild order_details")]
    Rebuild {
        /// Which; `projections status` names them
        #[arg(value_name = "NAME")]
        model: Model,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Compare every read model with one made anew from the log, row for row
    #[command(after_help = "Example:\n  ocpizza-manager projections verify")]
    Verify {
        #[command(flatten)]
        data_dir: DataDir,
    },
}

impl Action {
    fn data_dir(&self) -> &DataDir {
        match self {
            Self::Status { data_dir } | Self::Rebuild { data_dir, .. } | Self::Verify { data_dir } => {
                data_dir
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(Args { action }: Args) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    logs::start(settings.environment, "warn");
    let pool = database::pool(&database::url(&settings, action.data_dir())?, 4).await?;
    match action {
        Action::Status { .. } => print_status(&projections::status(&pool).await?),
        Action::Rebuild { model, .. } => {
            let position = projections::rebuild(&pool, model, &mut |_| {}).await?;
            say(format_args!("{model} was rebuilt up to position {position}"));
        }
        Action::Verify { .. } => verify(&pool).await?,
    }
    Ok(())
}

fn print_status(all: &[Status]) {
    say(format_args!("{:<32} {:>10} {:>8} {:>10}  RUNS", "NAME", "POSITION", "BEHIND", "COUNTED"));
    for status in all {
        let runs = match status.runs_at {
            RunsAt::Here | RunsAt::Elsewhere => "yes",
            RunsAt::Nowhere => "no",
        };
        let (name, lag) = (&status.name, status.lag());
        say(format_args!("{name:<32} {:>10} {lag:>8} {:>10}  {runs}", status.position.0, status.applied));
        if let Some(failure) = &status.failure {
            say(format_args!("  stopped at position {}: {}", failure.position, failure.reason));
        }
    }
}

async fn verify(pool: &PgPool) -> anyhow::Result<()> {
    let reports = projections::verify(pool, &mut |_, _| {}).await?;
    for report in &reports {
        print_report(report);
    }
    let unsound: Vec<&str> =
        reports.iter().filter(|report| !report.is_sound()).map(|report| report.model.name()).collect();
    if !unsound.is_empty() {
        bail!(
            "not what the log says: {}; rebuild with ocpizza-manager projections rebuild",
            unsound.join(", ")
        );
    }
    Ok(())
}

fn print_report(report: &ModelReport) {
    let verdict = if report.is_sound() { "equal" } else { "NOT EQUAL" };
    say(format_args!(
        "{:<16} {verdict}: {} rows, {} of {} events counted up to position {}, digest {}",
        report.model.name(),
        report.rows,
        report.applied,
        report.expected,
        report.position,
        if report.digest_matches { "matches" } else { "DIFFERS" },
    ));
    for difference in report.differences.iter().take(SHOWN) {
        say(format_args!("  {} {} {}", difference.table, difference.key, difference.what));
    }
    if report.differences.len() > SHOWN {
        say(format_args!("  … and {} more", report.differences.len() - SHOWN));
    }
}
