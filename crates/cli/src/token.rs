//! `token`: prints a bearer token for an account.

use identity::accounts::session::LIFETIME;
use identity::accounts::{self, ServerKey};
use identity::clock::Clock;
use server::production;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// Print a bearer token for an account, valid on HTTP and WebSocket
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  TOKEN=$(ocpizza-manager token customer1@ocpizza.example)")]
pub(crate) struct Args {
    /// The account's e-mail address
    #[arg(value_name = "EMAIL", required_unless_present = "functional_check")]
    email: Option<String>,
    /// Print a token for `check --functional` only, valid for 30 days
    #[arg(long, conflicts_with = "email")]
    functional_check: bool,
    #[command(flatten)]
    data_dir: DataDir,
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    production::check_settings(&settings)?;
    let pool = database::pool(&database::url(&settings, &args.data_dir)?, 1).await?;
    let key = ServerKey::or_development(settings.signing_key(), &pool).await?;
    let clock = Clock::system();
    let token = match args.email {
        Some(email) => accounts::issue_token(&pool, &key, &email, &clock).await?.0,
        None => accounts::issue_check_token(&pool, &key, LIFETIME, clock.now()).await?,
    };
    say(token);
    Ok(())
}
