//! `destroy`: removes the application's data after its name was typed, if a backup has all of it.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;

use anyhow::{Context, bail};
use sqlx::Connection;

use crate::database::{self, DataDir};
use crate::report::{note, say};
use crate::{bar, logs};

/// Remove the application's data from its database; a backup must have all of it
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ocpizza-manager destroy --name ocpizza_manager_db --backup ocpizza.backup"
)]
pub(crate) struct Args {
    /// Name of the database; prompted for on a terminal
    #[arg(long, value_name = "DATABASE")]
    name: Option<String>,
    /// Backup written after the last change
    #[arg(long, value_name = "FILE")]
    backup: PathBuf,
    /// Remove even while processes are connected and maintenance is off; they will fail
    #[arg(long)]
    force_while_serving: bool,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let mut db = database::connect_migrated(&database::url(&settings, &args.data_dir)?).await?;
    let name = match args.name {
        Some(name) => name,
        None => ask(&sqlx::query_scalar::<_, String>("SELECT current_database()::text")
            .fetch_one(&mut db)
            .await?)?,
    };
    let path = args.backup.display();
    let file = File::open(&args.backup).with_context(|| format!("cannot read {path}"))?;
    let bar = bar::of_bytes(file.metadata()?.len(), "verifying the backup");
    let destroyed = backup::destroy(&mut db, &name, bar.wrap_read(file), args.force_while_serving).await;
    bar.finish_and_clear();
    let destroyed = destroyed?;
    db.close().await?;
    say(format_args!(
        "removed {} tables of {name}; {path} has the log up to position {}",
        destroyed.tables, destroyed.position
    ));
    say(format_args!(
        "kept: the register of {} erased customers, for restores (ocpizza_kept.erased_customers)",
        destroyed.erased
    ));
    Ok(())
}

/// Prompts for the name.
fn ask(actual: &str) -> anyhow::Result<String> {
    if !std::io::stdin().is_terminal() {
        bail!("--name must be the name of the database: nothing was removed");
    }
    note(format_args!("this removes all data of the application from the database {actual}"));
    note("type its name to go on:");
    std::io::stderr().flush()?;
    let mut typed = String::new();
    std::io::stdin().read_line(&mut typed)?;
    Ok(typed.trim().to_owned())
}
