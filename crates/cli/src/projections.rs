//! `projections`: shows, rebuilds and verifies the read models.

use anyhow::bail;
use clap::Subcommand;
use domain::LogPosition;
use event_store::log;
use indicatif::ProgressBar;
use projections::lag::{self, SealingLag};
use projections::{Count, Difference, Model, ModelReport, RunsAt, Status, Step};
use sqlx::PgPool;

use crate::bar;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Number of differences printed per read model.
const MAX_PRINTED_DIFFERENCES: usize = 10;

/// Show the positions of the read models, rebuild one, or verify them against the log
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager projections verify")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the position of each read model, reactor and the sealer, and what stopped it
    #[command(after_help = "Example:\n  ocpizza-manager projections status")]
    Status {
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Rebuild one from the whole log beside the live one, and swap it in at the end
    #[command(after_help = "Example:\n  ocpizza-manager projections rebuild order_details")]
    Rebuild {
        /// Read model; `projections status` lists them
        #[arg(value_name = "NAME")]
        model: Model,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Compare every read model with one rebuilt from the log, row by row
    #[command(after_help = "Example:\n  ocpizza-manager projections verify")]
    Verify {
        /// Compare event counts and digests only; reads the log once and compares no rows
        #[arg(long)]
        quick: bool,
        #[command(flatten)]
        data_dir: DataDir,
    },
}

/// Progress of a verification, as bars on stderr.
pub(crate) struct Steps {
    bar: ProgressBar,
    head: LogPosition,
    step: Option<Step>,
}

impl Steps {
    /// Makes a bar with the length of the log.
    pub(crate) async fn of(pool: &PgPool) -> anyhow::Result<Self> {
        Ok(Self { bar: bar::of_events(), head: log::head(pool).await?, step: None })
    }

    pub(crate) fn show(&mut self, step: Step, at: LogPosition) {
        if self.step != Some(step) {
            self.step = Some(step);
            self.bar.reset();
            self.bar.set_message(match step {
                Step::Counting => "counting".to_owned(),
                Step::Filling(model) => format!("filling {model}"),
                Step::Comparing(model) => format!("comparing {model}"),
            });
        }
        let number = |position: LogPosition| u64::try_from(position.0).unwrap_or(0);
        // The log may grow meanwhile.
        self.bar.set_length(number(self.head.max(at)));
        self.bar.set_position(number(at));
    }

    pub(crate) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Action {
    fn data_dir(&self) -> &DataDir {
        match self {
            Self::Status { data_dir } | Self::Rebuild { data_dir, .. } | Self::Verify { data_dir, .. } => {
                data_dir
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(Args { action }: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let pool = database::pool(&database::url(&settings, action.data_dir())?, 4).await?;
    match action {
        Action::Status { .. } => {
            print_status(&projections::status(&pool).await?);
            print_sealing(&lag::sealing(&mut *pool.acquire().await?, None).await?);
        }
        Action::Rebuild { model, .. } => {
            let position = projections::rebuild(&pool, model, &mut |_| {}).await?;
            say(format_args!("{model} was rebuilt up to position {position}"));
        }
        Action::Verify { quick: true, .. } => count(&pool).await?,
        Action::Verify { quick: false, .. } => verify(&pool).await?,
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

/// Prints the row of the sealer. Its lag shows whether a process seals.
fn print_sealing(sealing: &SealingLag) {
    let SealingLag { position, events, seconds, stopped } = sealing;
    let since = if *events > 0 { format!("  for {seconds:.0} s") } else { String::new() };
    say(format_args!("{:<32} {position:>10} {events:>8}{since}", "sealing"));
    if let Some(why) = stopped {
        say(format_args!("  stopped: {}", why.reason));
    }
}

async fn count(pool: &PgPool) -> anyhow::Result<()> {
    let mut steps = Steps::of(pool).await?;
    let counts = projections::count(pool, &mut |step, at| steps.show(step, at)).await;
    steps.end();
    let counts = counts?;
    for count in &counts {
        let Count { model, position, applied, expected, digest_matches } = count;
        let verdict = if count.is_sound() { "complete" } else { "NOT COMPLETE" };
        let digest = if *digest_matches { "matches" } else { "DIFFERS" };
        say(format_args!(
            "{:<16} {verdict}: {applied} of {expected} events counted up to position {position}, digest {digest}",
            model.name()
        ));
    }
    refuse(counts.iter().filter(|count| !count.is_sound()).map(|count| count.model))
}

async fn verify(pool: &PgPool) -> anyhow::Result<()> {
    let mut steps = Steps::of(pool).await?;
    let reports = projections::verify(pool, &mut |step, at| steps.show(step, at)).await;
    steps.end();
    let reports = reports?;
    for report in &reports {
        print_report(report);
    }
    refuse(reports.iter().filter(|report| !report.is_sound()).map(|report| report.model))
}

/// Fails if read models differ from the log, and names them.
pub(crate) fn refuse(unsound: impl Iterator<Item = Model>) -> anyhow::Result<()> {
    let unsound: Vec<&str> = unsound.map(Model::name).collect();
    if unsound.is_empty() {
        return Ok(());
    }
    bail!("not what the log says: {}; rebuild with ocpizza-manager projections rebuild", unsound.join(", "))
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
    print_differences(&report.differences);
}

/// Prints the first differences of a read model.
pub(crate) fn print_differences(differences: &[Difference]) {
    for difference in differences.iter().take(MAX_PRINTED_DIFFERENCES) {
        say(format_args!("  {} {} {}", difference.table, difference.key, difference.what));
    }
    if differences.len() > MAX_PRINTED_DIFFERENCES {
        say(format_args!("  … and {} more", differences.len() - MAX_PRINTED_DIFFERENCES));
    }
}
