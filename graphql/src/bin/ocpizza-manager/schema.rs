//! `schema`: prints the API's schema. Needs no database.

use std::io::Write;

/// Print the API's schema in GraphQL's schema definition language; needs no database
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager schema > schema.graphql")]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: Args) -> anyhow::Result<()> {
    // Not println!, which panics when a reader such as `head` has had enough.
    std::io::stdout().write_all(graphql::schema::sdl().as_bytes())?;
    Ok(())
}
