//! `audit rebuild-check`: compares the read models with ones rebuilt from the log.

use projections::Comparison;

use crate::database::{self, DataDir};
use crate::logs;
use crate::projections::{Steps, print_differences, refuse};
use crate::report::say;

/// Build every read model again from the log, and compare it with the live one row by row
///
/// The live ones continue without locks: both are compared at one position.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit rebuild-check")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 4).await?;
    let mut steps = Steps::of(&pool).await?;
    let compared = projections::compare(&pool, &mut |step, at| steps.show(step, at)).await;
    steps.end();
    let compared = compared?;
    for comparison in &compared {
        let Comparison { model, position, rows, differences } = comparison;
        let verdict = if comparison.is_sound() { "equal" } else { "NOT EQUAL" };
        say(format_args!("{:<16} {verdict}: {rows} rows at position {position}", model.name()));
        print_differences(differences);
    }
    refuse(compared.iter().filter(|found| !found.is_sound()).map(|found| found.model))
}
