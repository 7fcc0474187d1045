//! `audit`: seals, verifies, exports and replays the log.

mod closings;
mod export;
mod key;
mod offline;
mod rebuild_check;
mod replay;
mod resume;
mod seal;
mod verify;

use clap::Subcommand;

/// Seal the log, and prove that nothing in it was altered, inserted or removed
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager audit verify --head heads.txt")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Seal(seal::Args),
    Key(key::Args),
    Verify(verify::Args),
    Closings(closings::Args),
    Replay(replay::Args),
    Resume(resume::Args),
    Export(export::Args),
    RebuildCheck(rebuild_check::Args),
}

pub(crate) fn run(Args { action }: Args) -> anyhow::Result<()> {
    match action {
        Action::Seal(args) => seal::run(args),
        Action::Key(args) => key::run(args),
        Action::Verify(args) => verify::run(args),
        Action::Closings(args) => closings::run(args),
        Action::Replay(args) => replay::run(args),
        Action::Resume(args) => resume::run(args),
        Action::Export(args) => export::run(args),
        Action::RebuildCheck(args) => rebuild_check::run(args),
    }
}
