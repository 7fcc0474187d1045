//! The schema: its roots, its bounds, and its text. Knows no HTTP.

use async_graphql::{SDLExportOptions, SchemaBuilder};

use crate::context::Services;
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::subscriptions::Subscription;

/// The schema with its roots.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// How deep a query may nest.
pub const DEPTH: usize = 15;
/// How much a query may ask for; a field is 1, a connection as many times its page as it asks for.
pub const COMPLEXITY: usize = 20_000;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .limit_depth(DEPTH)
        .limit_complexity(COMPLEXITY)
}

/// The schema over the services of a process.
pub fn schema(services: Services) -> Schema {
    builder().data(services).finish()
}

/// The schema's text, as in `schema.graphql`.
pub fn sdl() -> String {
    builder().finish().sdl_with_options(
        SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by(),
    )
}
