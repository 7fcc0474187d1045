//! `schema`: prints the API's schema. Needs no database.

use crate::report::print;

/// Print the API's schema in GraphQL's schema definition language; needs no database
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  ocpizza-manager schema > schema.graphql")]
pub(crate) struct Args {}

pub(crate) fn run(Args {}: Args) -> anyhow::Result<()> {
    print(graphql::schema::sdl());
    Ok(())
}
