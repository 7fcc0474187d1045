//! `audit seal`: seals what is not sealed yet, and prints the head.

use event_store::merkle::{self, Until};
use graphql::clock::Clock;
use graphql::config::Settings;
use graphql::{production, sealing};

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::print;

/// Seal every event that is in the log now, and print the signed head
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit seal >> heads.txt")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = Settings::load()?;
    logs::start(settings.environment, "warn");
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let key = sealing::key(&settings, &pool).await?;
    let mut db = pool.acquire().await?;
    merkle::seal(&mut db, &key, Until::Now, Clock::system().now()).await?;
    match merkle::latest(&mut *db).await? {
        Some(head) => print(head.signed),
        None => anyhow::bail!("the log is empty: there is nothing to seal"),
    }
    Ok(())
}
