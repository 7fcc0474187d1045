//! `audit key`: prints the public key that verifies heads.

use server::production;
use server::sealing;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Print the public key that verifies signed heads
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit key > ocpizza.pub")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let key = sealing::key(&settings, &pool).await?;
    say(key.public(transparency::log_id(&pool).await?));
    Ok(())
}
