//! Enforces the access that each field declares (`crate::field_access`), denied by default: an undeclared field
//! is refused, and a test fails. A permission covers no ownership: resolvers check that through
//! `Caller::reach`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{ExtensionContext, NextResolve, ResolveInfo};
use async_graphql::registry::{MetaField, MetaType, Registry};
use async_graphql::{
    Context, Error, PathSegment, QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value,
};
use domain::access::{Denied, has_permission};

use crate::context::{ApiContext, Caller, NoContext};
use crate::error::ApiError;
use crate::field_access::Access;

/// The rules of a schema by type and field; `None` for an undeclared field. Fully open types are omitted.
type Rules = HashMap<String, HashMap<String, Option<Access>>>;

fn rules_of(registry: &Registry) -> Rules {
    let mut rules = Rules::new();
    for kind in registry.types.values() {
        let MetaType::Object { name, fields, directive_invocations, .. } = kind else { continue };
        let of_type = Access::declared(directive_invocations);
        let rule = |meta: &MetaField| Access::declared(&meta.directive_invocations).or(of_type);
        let fields: HashMap<_, _> = fields.iter().map(|(field, meta)| (field.clone(), rule(meta))).collect();
        if fields.values().any(|rule| *rule != Some(Access::Open)) {
            rules.insert(name.clone(), fields);
        }
    }
    rules
}

/// Returns the caller of a subscription, once it has the permission that the field declares. A subscription's
/// resolver runs before the guard, which checks the items.
///
/// # Errors
/// `UNAUTHENTICATED` or `FORBIDDEN`.
pub(crate) fn subscriber<'a>(ctx: &Context<'a>) -> Result<&'a Caller, ApiError> {
    let registry = &ctx.schema_env.registry;
    let root = registry.subscription_type.as_ref().and_then(|name| registry.types.get(name));
    let field = root.and_then(|root| root.field_by_name(ctx.field().name()));
    match field.and_then(|field| Access::declared(&field.directive_invocations)) {
        Some(Access::Requires { permission, .. }) => {
            let caller = ctx.caller()?;
            has_permission(caller.actor.as_ref(), permission)?;
            Ok(caller)
        }
        Some(Access::Open) | None => Err(ApiError::Forbidden),
    }
}

/// Checks before resolving a field that the caller has its permission.
#[derive(Debug, Default, Clone)]
pub(crate) struct FieldGuard(Arc<OnceLock<Rules>>);

impl FieldGuard {
    /// Returns whether to resolve the field; `false` for a field hidden from the caller.
    fn admits(&self, ctx: &ExtensionContext<'_>, info: &ResolveInfo<'_>) -> Result<bool, ApiError> {
        let rules = self.0.get_or_init(|| rules_of(&ctx.schema_env.registry));
        let root = || ctx.schema_env.registry.subscription_type.as_deref().unwrap_or_default();
        // The library names the Rust struct as parent type of a subscription's fields.
        let parent = if info.path_node.parent.is_none() && !rules.contains_key(info.parent_type) {
            root()
        } else {
            info.parent_type
        };
        let Some(fields) = rules.get(parent) else { return Ok(true) };
        match fields.get(info.name) {
            Some(Some(Access::Open)) => Ok(true),
            Some(Some(Access::Requires { permission, is_hidden })) => {
                let caller = ctx.data_opt::<Caller>().ok_or_else(|| ApiError::permanent(NoContext))?;
                match has_permission(caller.actor.as_ref(), *permission) {
                    Ok(_) => Ok(true),
                    Err(_) if *is_hidden => Ok(false),
                    Err(denied) => Err(denied.into()),
                }
            }
            Some(None) | None => Err(Denied::Forbidden.into()),
        }
    }

    /// Resolves a field if the caller may access it.
    pub(crate) async fn resolve(
        &self,
        ctx: &ExtensionContext<'_>,
        info: ResolveInfo<'_>,
        next: NextResolve<'_>,
    ) -> ServerResult<Option<Value>> {
        if info.is_for_introspection || info.name.starts_with("__") {
            return next.run(ctx, info).await;
        }
        match self.admits(ctx, &info) {
            Ok(true) => next.run(ctx, info).await,
            Ok(false) => Ok(None),
            Err(denied) => {
                let error = Error::new_with_source(denied).into_server_error(info.field.name.pos);
                Err(ServerError { path: path_of(info.path_node), ..error })
            }
        }
    }
}

fn path_of(node: &QueryPathNode<'_>) -> Vec<PathSegment> {
    let mut path = node.parent.map(path_of).unwrap_or_default();
    path.push(match node.segment {
        QueryPathSegment::Index(index) => PathSegment::Index(index),
        QueryPathSegment::Name(name) => PathSegment::Field(name.to_owned()),
    });
    path
}

#[cfg(test)]
mod tests;
