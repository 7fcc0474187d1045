//! The binary: parses arguments, calls the crates, prints, and sets the exit code: 0 done, 1 refused or failed with one
//! line on stderr, 2 wrong usage (clap's own). Decides nothing.

mod arguments;
mod audit;
mod backup;
mod bar;
mod check;
mod database;
mod dead_letters;
mod demo;
mod destroy;
mod director;
mod listen;
mod logs;
mod maintenance;
mod migrate;
mod projections;
mod report;
mod restore;
mod schema;
mod screen;
mod serve;
mod simulate;
mod stop;
mod token;
mod totp;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Chosen by measurement (docs/performance.md, The build).
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// OC Pizza-Manager: orders, stock and deliveries of the pizzerias, over one log of events.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 110)]
#[command(after_help = "Example:\n  ocpizza-manager demo --simulate")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Migrate(migrate::Args),
    Maintenance(maintenance::Args),
    Schema(schema::Args),
    Token(token::Args),
    Director(director::Args),
    Totp(totp::Args),
    Projections(projections::Args),
    DeadLetters(dead_letters::Args),
    Audit(audit::Args),
    Simulate(simulate::Args),
    Backup(backup::Args),
    Restore(restore::Args),
    Destroy(destroy::Args),
    Check(check::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Demo(args) => demo::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Migrate(args) => migrate::run(args),
        Command::Maintenance(args) => maintenance::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Token(args) => token::run(args),
        Command::Director(args) => director::run(args),
        Command::Totp(args) => totp::run(args),
        Command::Projections(args) => projections::run(args),
        Command::DeadLetters(args) => dead_letters::run(args),
        Command::Audit(args) => audit::run(args),
        Command::Simulate(args) => simulate::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => restore::run(args),
        Command::Destroy(args) => destroy::run(args),
        Command::Check(args) => check::run(args),
    };
    report::exit(done)
}
