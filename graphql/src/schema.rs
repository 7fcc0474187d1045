//! The schema: its roots, its limits and its text. Knows no HTTP.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_graphql::extensions::{
    Extension, ExtensionContext, ExtensionFactory, NextExecute, NextParseQuery, NextResolve, ResolveInfo,
};
use async_graphql::parser::types::ExecutableDocument;
use async_graphql::{
    Request, Response, SDLExportOptions, SchemaBuilder, ServerError, ServerResult, ValidationMode, Value,
    Variables,
};
use chrono::{DateTime, Utc};
use document::completion::{SelectionContext, complete};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, StreamExt};

use crate::context::Services;
use crate::error::{ApiError, ErrorCode, set_code};
use crate::field_access::without_declarations;
use crate::field_guard::FieldGuard;
use crate::introspection::{self, Undescribed};
use crate::mutations::Mutation;
use crate::progress::Progress;
use crate::queries::Query;
use crate::subscriptions::Subscription;

/// The schema with its roots.
///
/// Clones share it. Nothing here is generic: the resolvers are compiled in this crate, and not again in each crate that
/// executes an operation.
#[derive(Clone)]
pub struct Schema(async_graphql::Schema<Query, Mutation, Subscription>);

impl Schema {
    /// Executes a query or a mutation.
    pub fn execute(&self, request: Request) -> BoxFuture<'static, Response> {
        let schema = self.0.clone();
        async move { schema.execute(request).await }.boxed()
    }

    /// Executes a subscription; its answers end when it does.
    pub fn execute_stream(&self, request: Request) -> BoxStream<'static, Response> {
        self.0.execute_stream(request).boxed()
    }
}

/// The extension of a subscription's item with the position to resume after.
pub const POSITION: &str = "position";

/// Records whether an operation was executed; data of the request.
#[derive(Debug, Clone, Default)]
pub struct Executed(pub Arc<AtomicBool>);

/// A non-null field was null, and no error explains it.
#[derive(Debug, thiserror::Error)]
#[error("a field that is never null was null, without an error")]
struct UnexplainedNull;

/// Records that a request was executed, completes its response and guards each field. One extension for all,
/// since each costs every field an allocation.
#[derive(Clone, Default)]
pub(crate) struct RequestLifecycle {
    guard: Option<FieldGuard>,
}

impl RequestLifecycle {
    fn guarded() -> Self {
        Self { guard: Some(FieldGuard::default()) }
    }
}

impl ExtensionFactory for RequestLifecycle {
    fn create(&self) -> Arc<dyn Extension> {
        Arc::new(self.clone())
    }
}

#[async_graphql::async_trait::async_trait]
impl Extension for RequestLifecycle {
    async fn parse_query(
        &self,
        ctx: &ExtensionContext<'_>,
        query: &str,
        variables: &Variables,
        next: NextParseQuery<'_>,
    ) -> ServerResult<ExecutableDocument> {
        let document = next.run(ctx, query, variables).await?;
        // The library would answer null, as if there were no schema.
        if ctx.data_opt::<Undescribed>().is_some() && introspection::is_introspection(&document) {
            let mut refused = ServerError::new("the API does not describe itself here", None);
            set_code(&mut refused, ErrorCode::GraphqlValidationFailed);
            return Err(refused);
        }
        Ok(document)
    }

    async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        match &self.guard {
            Some(guard) => guard.resolve(ctx, info, next).await,
            None => next.run(ctx, info).await,
        }
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
        let mut response = next.run(ctx, operation_name).await;
        if let Some(context) = ctx.data_opt::<Arc<SelectionContext>>() {
            let data = std::mem::take(&mut response.data);
            let completed = complete(&ctx.schema_env.registry, context, data, &response.errors);
            response.data = completed.data;
            if let Some(path) = completed.unexplained {
                let mut error = ServerError::new("internal error", None);
                error.source = Some(Arc::new(ApiError::permanent(UnexplainedNull)));
                error.path = path;
                response.errors.push(error);
            }
        }
        // The position of a subscription's item.
        match ctx.data_opt::<Progress>().and_then(Progress::shown) {
            Some(position) => response.extension(POSITION, Value::String(position.to_string())),
            None => response,
        }
    }
}

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    // The library's description is about its Rust type.
    let description = "A point in time (RFC 3339), such as `\"2026-11-24T18:30:00+00:00\"`: written in UTC, read with any offset.";
    async_graphql::Schema::build(Query::default(), Mutation::default(), Subscription::default())
        .override_output_type_description::<DateTime<Utc>>(description)
        .extension(RequestLifecycle::guarded())
        // Documents are validated before execution: `document::Validator`.
        .validation_mode(ValidationMode::Fast)
}

/// Builds the schema over the services of a process.
pub fn schema(services: Services) -> Schema {
    Schema(builder().data(services).finish())
}

/// Builds the schema without services; it answers introspection only.
pub fn bare() -> Schema {
    Schema(builder().finish())
}

/// Returns the schema's text, as in `schema.graphql`.
pub fn sdl() -> String {
    without_declarations(&bare().0.sdl_with_options(
        SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by(),
    ))
}

#[cfg(test)]
mod tests {
    use async_graphql::{Request, Value, value};

    use super::{builder, sdl};

    #[test]
    fn committed_schema_matches_the_code() {
        let committed = include_str!("../../schema.graphql");
        assert!(
            committed == sdl(),
            "schema.graphql is stale: cargo run -p graphql -- schema > schema.graphql"
        );
    }

    fn items(value: &Value, key: &str) -> Vec<Value> {
        match value {
            Value::Object(object) => match object.get(key) {
                Some(Value::List(items)) => items.clone(),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn text(value: &Value, key: &str) -> String {
        match value {
            Value::Object(object) => match object.get(key) {
                Some(Value::String(text)) => text.clone(),
                _ => String::new(),
            },
            _ => String::new(),
        }
    }

    #[tokio::test]
    async fn describes_every_element_and_specifies_every_scalar() {
        let query = "{ __schema { types { kind name description specifiedByURL \
                     fields { name description args { name description } } \
                     inputFields { name description } enumValues { name description } } } }";
        let response = async_graphql::Schema::execute(&builder().finish(), Request::new(query)).await;
        assert_eq!(response.errors, Vec::new());
        let Value::Object(data) = response.data else { panic!("no data") };
        let mut bare = Vec::new();
        for kind in items(&data["__schema"], "types") {
            let name = text(&kind, "name");
            let builtin = ["String", "Int", "Float", "Boolean", "ID"].contains(&name.as_str());
            if builtin || name.starts_with("__") {
                continue;
            }
            let mut check = |path: String, value: &Value| {
                if text(value, "description").trim().is_empty() {
                    bare.push(path);
                }
            };
            check(name.clone(), &kind);
            for list in ["fields", "inputFields", "enumValues"] {
                for member in items(&kind, list) {
                    let path = format!("{name}.{}", text(&member, "name"));
                    check(path.clone(), &member);
                    for argument in items(&member, "args") {
                        check(format!("{path}({})", text(&argument, "name")), &argument);
                    }
                }
            }
            let Value::Object(object) = &kind else { continue };
            if object["kind"] == value!("SCALAR") && text(&kind, "specifiedByURL").is_empty() {
                bare.push(format!("{name} @specifiedBy"));
            }
        }
        assert_eq!(bare, Vec::<String>::new());
    }
}
