//! `dead-letters`: lists commands of policies that did not get through, sends them again, or discards them.

use anyhow::{bail, ensure};
use clap::Subcommand;
use domain::policies;
use event_store::{EventStore, Settings};
use projections::dead_letters::{self, DeadLetter, RetryResult};
use sqlx::PgPool;

use crate::database::{self, DataDir};
use crate::logs;
use crate::report::say;

/// List commands of policies that were refused or failed, send them again, or discard one
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager dead-letters retry --all")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print each one: its number, policy, command, target, and why it did not get through
    #[command(after_help = "Example:\n  ocpizza-manager dead-letters list")]
    List {
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Send commands again, after their cause is mended; those that get through are removed
    #[command(after_help = "Example:\n  ocpizza-manager dead-letters retry 17")]
    Retry {
        /// Numbers that `list` prints
        #[arg(value_name = "NUMBER", required_unless_present = "all")]
        ids: Vec<i64>,
        /// Every dead letter
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        #[command(flatten)]
        data_dir: DataDir,
    },
    /// Remove one without sending it
    #[command(after_help = "Example:\n  ocpizza-manager dead-letters discard 17")]
    Discard {
        /// Number that `list` prints
        #[arg(value_name = "NUMBER")]
        id: i64,
        #[command(flatten)]
        data_dir: DataDir,
    },
}

impl Action {
    fn data_dir(&self) -> &DataDir {
        match self {
            Self::List { data_dir } | Self::Retry { data_dir, .. } | Self::Discard { data_dir, .. } => {
                data_dir
            }
        }
    }
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn run(Args { action }: Args) -> anyhow::Result<()> {
    let settings = logs::start_command()?;
    let pool = database::pool(&database::url(&settings, action.data_dir())?, 2).await?;
    let letters = dead_letters::list(&pool).await?;
    match action {
        Action::List { .. } => print(&letters),
        Action::Retry { ids, all, .. } => {
            let unknown = ids.iter().find(|id| !letters.iter().any(|letter| letter.id == **id));
            ensure!(unknown.is_none(), "there is no dead letter {}; list prints them", unknown.unwrap_or(&0));
            let wanted = letters.iter().filter(|letter| all || ids.contains(&letter.id));
            retry(&pool, wanted).await?;
        }
        Action::Discard { id, .. } => {
            ensure!(
                dead_letters::discard(&pool, id).await?,
                "there is no dead letter {id}; list prints them"
            );
            say(format_args!("{id} was discarded"));
        }
    }
    Ok(())
}

fn print(letters: &[DeadLetter]) {
    for letter in letters {
        let DeadLetter { id, policy, position, command, target, reason, attempts, .. } = letter;
        let last = letter.last_at.format("%Y-%m-%dT%H:%M:%SZ");
        say(format_args!(
            "{id}: {policy} sent {command} to {target} after position {position}: {reason}, {attempts} times, last at {last}"
        ));
    }
    say(format_args!("{} dead letters", letters.len()));
}

async fn retry(pool: &PgPool, letters: impl Iterator<Item = &DeadLetter>) -> anyhow::Result<()> {
    let store = EventStore::start(pool.clone(), Settings::default());
    let mut left = 0;
    for letter in letters {
        let id = letter.id;
        match dead_letters::retry(pool, &store, policies::ALL, letter).await? {
            RetryResult::Done => {
                say(format_args!("{id}: done"));
                continue;
            }
            RetryResult::Refused(reason) => say(format_args!("{id}: refused again: {reason}")),
            RetryResult::NotSentAnyMore => {
                say(format_args!("{id}: its policy no longer sends it; discard it"));
            }
        }
        left += 1;
    }
    if left > 0 {
        bail!("{left} dead letters did not get through");
    }
    Ok(())
}
