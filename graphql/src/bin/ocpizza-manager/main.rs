//! The binary: parses, calls the library, prints, and sets the exit code: 0 done, 1 refused or failed with one
//! line on stderr, 2 wrong usage (clap's own). Decides nothing.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "printing is what a command line is for")]

mod database;
mod logs;
mod migrate;
mod projections;
mod report;
mod schema;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// OC Pizza-Manager: orders, stock and deliveries of the pizzerias, over one log of events.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Migrate(migrate::Args),
    Schema(schema::Args),
    Projections(projections::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Migrate(args) => migrate::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Projections(args) => projections::run(args),
    };
    report::exit(done)
}
