//! `audit`: what an auditor asks of the log.

mod replay;

use clap::Subcommand;

/// Ask the log what would have been otherwise
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit replay --help")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Replay(replay::Args),
}

pub(crate) fn run(Args { action }: Args) -> anyhow::Result<()> {
    match action {
        Action::Replay(args) => replay::run(args),
    }
}
