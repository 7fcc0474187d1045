//! `director`: invites the first director of a new installation.

use event_store::{EventStore, Settings as StoreSettings};
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use server::production;
use server::sealing;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Connections of the pool: one holds a lock while the store uses others.
const POOL_CONNECTIONS: u32 = 3;

/// Invite the group's first director; prints a token that sets their password, valid for a week
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  ocpizza-manager director anne@ocpizza.example --name 'Anne Martin'\n\nThe token is for the mutation resetPassword. The director hires all other staff."
)]
pub(crate) struct Args {
    /// E-mail address of the director
    #[arg(value_name = "EMAIL")]
    email: String,
    /// Name of the director
    #[arg(long)]
    name: String,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, POOL_CONNECTIONS).await?;
    let key = ServerKey::or_development(settings.signing_key(), &pool).await?;
    let store = EventStore::start(pool.clone(), StoreSettings::default());
    let now = Clock::system().now();
    say(accounts::invite_first_director(&store, &key, &args.email, &args.name, now).await?);
    // The first serving process may start days later.
    sealing::seal_all(&settings, &pool, Clock::system().now()).await?;
    Ok(())
}
