//! `audit closings`: recomputes every daily closing from the log.

use anyhow::bail;
use projections::closings;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Recompute every daily closing from the log, and name the first that differs
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit closings")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 2).await?;
    let report = closings::audit(&pool, &mut |_, _| {}).await?;
    if let Some(wrong) = report.wrong {
        let (pizzeria, day) = (&wrong.closing.pizzeria, wrong.closing.day);
        bail!("the closing of {pizzeria} on {day}, at position {}: {}", wrong.position, wrong.what);
    }
    say(format_args!(
        "{} closings, each as the log says: {} events were counted",
        report.closings, report.events
    ));
    Ok(())
}
