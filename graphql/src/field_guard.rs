//! Access to each field of the schema, denied by default. A field names its roles in `@requires`, or is
//! listed here as open; any other field is refused, and a test fails. Roles do not cover ownership: resolvers
//! check that through `domain::access`.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use async_graphql::extensions::{ExtensionContext, NextResolve, ResolveInfo};
use async_graphql::registry::{MetaDirectiveInvocation, MetaType, Registry};
use async_graphql::{Error, PathSegment, QueryPathNode, QueryPathSegment, ServerError, ServerResult, Value};
use domain::access::{Denied, Role, of_role};

use crate::context::{Caller, NoContext};
use crate::error::ApiError;

/// Root fields for every caller, signed in or not.
const PUBLIC: &[(&str, &[&str])] = &[
    ("Query", &["maintenance", "me", "menu", "node", "pizzeria", "pizzerias", "quoteOrder"]),
    ("Mutation", &["requestPasswordReset", "resetPassword", "signIn", "signUp", "verifyEmail"]),
    ("Subscription", &["maintenanceChanged"]),
];

/// Types whose fields are all open to callers who obtained the object. The same holds for payloads,
/// connections, edges and updates, recognised by name.
const OPEN: &[&str] = &[
    // The caller's own account; other accounts are never returned.
    "Account",
    // Parts of an order or an account that the caller may read; `contact` itself is guarded.
    "Address",
    "Contact",
    // The menu and pizzerias.
    "Extra",
    "Ingredient",
    "Menu",
    "OpeningHours",
    "Pause",
    "Pizza",
    "Side",
    "SizedPizza",
    // Parts of an order, a delivery, a quote or a refusal.
    "BoardOrder",
    "Comment",
    "ContactRead",
    "CourierPosition",
    "MissingIngredient",
    "OrderAction",
    "OrderBoard",
    "OrderLine",
    "Payment",
    "Promise",
    "Quote",
    "StatusCount",
    "UnpaidLimit",
    "UnpaidLimits",
    "UserError",
    "UserErrorDetail",
    "VatPart",
    // Parts of a guarded root field.
    "BlockedPizza",
    "ConsistencyProof",
    "ClosingHead",
    "ClosingTotals",
    "DailyClosing",
    "EventActor",
    "InclusionProof",
    "IngredientShortage",
    "Log",
    "LogMark",
    "Maintenance",
    "PaidByMethod",
    "PaymentTotals",
    "Recipe",
    "TreeHead",
    "RecipeLine",
    "SalesDay",
    "StateChange",
    "Stock",
    "StockChange",
    "StockLevel",
    "StockMovement",
    "Stream",
    "WhyUnavailable",
    // Value types, and the interface, whose fields are guarded on the concrete type.
    "Money",
    "Node",
    "PageInfo",
];

/// The open fields of types that also have guarded fields.
const PARTLY_OPEN: &[(&str, &[&str])] = &[
    (
        "Delivery",
        &[
            "allowedActions",
            "asOfPosition",
            "assignedAt",
            "attempts",
            "courier",
            "courierPosition",
            "distanceMetres",
            "endedAt",
            "failure",
            "id",
            "number",
            "orderId",
            "pickedUpAt",
            "pizzeria",
            "position",
            "promisedAt",
            "proof",
            "scheduledAt",
            "status",
            "statusLabel",
            "version",
            "wrongCodes",
        ],
    ),
    (
        "Event",
        &[
            "actor",
            "causationId",
            "command",
            "commandId",
            "correlationId",
            "id",
            "position",
            "recordedAt",
            "sealed",
            "sequence",
            "stream",
            "type",
            "version",
        ],
    ),
    (
        "Order",
        &[
            "allowedActions",
            "asOfPosition",
            "cancelReason",
            "cancelledAt",
            "channel",
            "completedAt",
            "deliveryFailure",
            "deliveryFee",
            "distanceMetres",
            "due",
            "expiresAt",
            "fulfilment",
            "id",
            "late",
            "lines",
            "number",
            "outForDeliveryAt",
            "paid",
            "payment",
            "payments",
            "pizzeria",
            "placedAt",
            "position",
            "promisedAt",
            "promises",
            "readyAt",
            "startedAt",
            "status",
            "statusLabel",
            "subtotal",
            "total",
            "vat",
            "version",
        ],
    ),
    (
        "Pizzeria",
        &[
            "address",
            "asOfPosition",
            "code",
            "deliveryFee",
            "deliveryRadiusMetres",
            "hours",
            "id",
            "latitude",
            "longitude",
            "minimumOrder",
            "name",
            "pause",
            "position",
            "takesOrders",
            "timeZone",
            "version",
        ],
    ),
    ("Staff", &["active", "id", "pizzeria", "role", "version"]),
];

/// Guarded fields that are null instead of an error for other roles, because pages shared by several roles
/// select them.
const HIDDEN: &[(&str, &str)] = &[
    ("Delivery", "comments"),
    ("Delivery", "contact"),
    ("Delivery", "order"),
    ("Event", "cause"),
    ("Event", "changes"),
    ("Event", "comments"),
    ("Event", "payload"),
    ("Order", "contact"),
    ("Order", "delivery"),
    ("Order", "deliveryCode"),
    ("Order", "comments"),
    ("Order", "customerFirstName"),
    ("Order", "deliveryNote"),
    ("Order", "kitchenNote"),
    ("Order", "note"),
    ("Order", "preparedBy"),
    ("OrderLine", "note"),
    ("OrderLine", "recipe"),
];

/// The access rule of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    /// Open to every caller.
    Public,
    /// Open to callers who obtained the object.
    Open,
    /// For these roles; for others it is null (`hidden`) or refused.
    Roles { roles: Vec<Role>, hidden: bool },
}

fn is_envelope(name: &str) -> bool {
    ["Payload", "Connection", "Edge", "Update"].iter().any(|end| name.ends_with(end))
}

fn has(table: &[(&str, &[&str])], name: &str, field: &str) -> bool {
    table.iter().any(|(of, fields)| *of == name && fields.contains(&field))
}

/// Returns the roles that `@requires` names.
fn roles_in(directives: &[MetaDirectiveInvocation]) -> Option<Vec<Role>> {
    let requires = directives.iter().find(|directive| directive.name == "requires")?;
    let Some(Value::List(roles)) = requires.args.get("roles") else { return Some(Vec::new()) };
    let role = |role: &Value| match role {
        Value::Enum(name) => Role::from_str(name).ok(),
        _ => None,
    };
    Some(roles.iter().filter_map(role).collect())
}

/// Returns a field's rule; `None` for an undeclared field.
fn rule_of(name: &str, field: &str, directives: &[MetaDirectiveInvocation]) -> Option<Rule> {
    if let Some(roles) = roles_in(directives) {
        return Some(Rule::Roles { roles, hidden: HIDDEN.contains(&(name, field)) });
    }
    if has(PUBLIC, name, field) {
        return Some(Rule::Public);
    }
    let open = OPEN.contains(&name) || is_envelope(name) || has(PARTLY_OPEN, name, field);
    open.then_some(Rule::Open)
}

/// The rules of a schema by type and field; fully open types are omitted.
type Rules = HashMap<String, HashMap<String, Option<Rule>>>;

fn rules_of(registry: &Registry) -> Rules {
    let mut rules = Rules::new();
    for kind in registry.types.values() {
        let MetaType::Object { name, fields, .. } = kind else { continue };
        let of = |(field, meta): (&String, &async_graphql::registry::MetaField)| {
            (field.clone(), rule_of(name, field, &meta.directive_invocations))
        };
        let fields: HashMap<_, _> = fields.iter().map(of).collect();
        if fields.values().any(|rule| *rule != Some(Rule::Open)) {
            rules.insert(name.clone(), fields);
        }
    }
    rules
}

/// Checks before resolving a field that the caller's role may access it.
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
            Some(Some(Rule::Public | Rule::Open)) => Ok(true),
            Some(Some(Rule::Roles { roles, hidden })) => {
                let caller = ctx.data_opt::<Caller>().ok_or_else(|| ApiError::permanent(NoContext))?;
                match of_role(caller.actor.as_ref(), roles) {
                    Ok(_) => Ok(true),
                    Err(_) if *hidden => Ok(false),
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
