//! The schema: its roots, its bounds, and its text. Knows no HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::extensions::{Extension, ExtensionContext, ExtensionFactory, NextExecute, NextValidation};
use async_graphql::{Response, SDLExportOptions, SchemaBuilder, ServerError, ValidationResult};

use crate::context::Services;
use crate::error::{ErrorCode, set_code};
use crate::mutations::Mutation;
use crate::queries::Query;
use crate::subscriptions::Subscription;

/// The schema with its roots.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

/// How deep a query may nest.
pub const DEPTH: usize = 15;
/// How much a query may ask for; a field is 1, a connection as many times its page as it asks for.
pub const COMPLEXITY: usize = 20_000;

/// Whether an operation was executed at all; data of the request.
#[derive(Debug, Clone, Default)]
pub struct Executed(pub Arc<AtomicBool>);

/// Tells how far a request came: gives what validation found its code, and says when it was executed.
struct Phases;

impl ExtensionFactory for Phases {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(Self)
    }
}

/// The code of what validation found. The library says only in words which rule it was.
fn code_of(error: &ServerError) -> ErrorCode {
    if ["Query is too complex.", "Query is nested too deep."].contains(&error.message.as_str()) {
        ErrorCode::QueryTooComplex
    } else if error.message.starts_with("Invalid value for argument") {
        ErrorCode::BadUserInput
    } else {
        ErrorCode::GraphqlValidationFailed
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for Phases {
    async fn validation(
        &self,
        ctx: &ExtensionContext<'_>,
        next: NextValidation<'_>,
    ) -> Result<ValidationResult, Vec<ServerError>> {
        next.run(ctx).await.map_err(|mut errors| {
            for error in &mut errors {
                let code = code_of(error);
                set_code(error, code);
            }
            errors
        })
    }

    async fn execute(
        &self,
        ctx: &ExtensionContext<'_>,
        operation_name: Option<&str>,
        next: NextExecute<'_>,
    ) -> Response {
        if let Some(executed) = ctx.data_opt::<Executed>() {
            executed.0.store(true, Ordering::Relaxed);
        }
        next.run(ctx, operation_name).await
    }
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .limit_depth(DEPTH)
        .limit_complexity(COMPLEXITY)
        .limit_directives(10)
        .extension(Phases)
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
