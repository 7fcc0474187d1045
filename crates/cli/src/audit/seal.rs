//! `audit seal`: seals the whole log, and prints the head.

use identity::clock::Clock;
use projections::remember_published;
use server::production;
use server::sealing;
use transparency::Until;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::print;

/// Seal every event in the log, and print the signed head
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit seal >> heads.txt")]
pub(crate) struct Args {
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let signer = sealing::signer(&settings, &pool).await?;
    if let Some(to) = settings.heads_destination()? {
        remember_published(&pool, &signer, &*to).await.map_err(anyhow::Error::from_boxed)?;
    }
    let mut db = pool.acquire().await?;
    signer.seal(&mut db, Until::Now, Clock::system().now()).await?;
    match transparency::latest(&mut *db).await? {
        Some(head) => print(head.signed),
        None => anyhow::bail!("the log is empty: there is nothing to seal"),
    }
    Ok(())
}
