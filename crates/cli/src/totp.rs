//! `totp`: removes the authenticator app of an account whose holder has lost it and the recovery codes.

use event_store::{EventStore, Settings as StoreSettings};
use identity::accounts;
use identity::clock::Clock;
use server::production;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Connections of the pool: one for the rows, one for the store.
const POOL_CONNECTIONS: u32 = 2;

/// Remove the authenticator app of an account whose holder has lost it and its recovery codes
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ocpizza-manager totp manager.p1@ocpizza.example\n\nVerify the holder's identity first: afterwards the password alone signs in. Open sessions continue."
)]
pub(crate) struct Args {
    /// E-mail address of the account
    #[arg(value_name = "EMAIL")]
    email: String,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, POOL_CONNECTIONS).await?;
    let store = EventStore::start(pool, StoreSettings::default());
    let removed = accounts::remove_second_factor(&store, &args.email, Clock::system().now()).await?;
    say(if removed { "removed" } else { "the account has no authenticator app" });
    Ok(())
}
