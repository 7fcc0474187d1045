//! `audit resume`: resumes sealing from the last remaining head, with the operator's reason.

use std::path::PathBuf;

use identity::clock::Clock;
use projections::remember_published;
use server::production;
use server::sealing;
use transparency::Until;

use super::verify::read_heads;
use crate::database::{self, DataDir};
use crate::logs;
use crate::report::{note, print};

/// Resume sealing after a failover, a restore or a long time without a process
///
/// Signs and prints a note that names the head the tree continues from, the abandoned head and the reason; then seals the
/// log. `audit verify` reports the note from then on. Run `audit verify` first.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ocpizza-manager audit resume --reason 'restored the backup of 24 November after a disk failure' >> heads.txt"
)]
pub(crate) struct Args {
    /// Reason for auditors: one line of at most 200 characters, without personal data
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// File of signed heads that was kept outside the database; repeatable
    #[arg(long = "head", value_name = "FILE")]
    heads: Vec<PathBuf>,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let reason = transparency::reason(&args.reason)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let signer = sealing::signer(&settings, &pool).await?;
    let trusted = signer.trusted(transparency::log_id(&pool).await?);
    let mut given = Vec::new();
    for path in &args.heads {
        for head in read_heads(path)? {
            trusted.check(head.head.log, &head)?;
            given.push(head.head);
        }
    }
    if let Some(to) = settings.heads_destination()? {
        remember_published(&pool, &signer, &*to).await.map_err(anyhow::Error::from_boxed)?;
    }
    let mut db = pool.acquire().await?;
    let now = Clock::system().now();
    let resumed = signer.resume(&mut db, &reason, &given, now).await?;
    let heads = signer.seal(&mut db, Until::Now, now).await?;
    print(&resumed);
    note(format_args!("{} heads were signed behind it", heads.len()));
    Ok(())
}
