//! Access declared at each field, once. `crate::field_guard` enforces it for every request; a field without a
//! declaration is refused. The schema's text shows a permission's roles as `@requires` and nothing else.

use std::borrow::Cow;

use async_graphql::indexmap::IndexMap;
use async_graphql::registry::{MetaDirectiveInvocation, Registry, location_traits};
use async_graphql::{InputType, TypeDirective, Value};
use domain::access::{Permission, roles_of};

use crate::types::enums::Role;

/// The name of `@requires`.
const REQUIRES: &str = "requires";
/// The name of the declaration that a field is open.
const OPEN: &str = "open";
/// Arguments of `@requires` that only the server reads; `permission` is the first of them.
const PERMISSION: &str = "permission";
const HIDDEN: &str = "hidden";

mod schema {
    use async_graphql::TypeDirective;

    use crate::types::enums::Role;

    /// The field is for these roles, each within its scope: a customer's own entities, an employee's
    /// pizzeria.
    #[TypeDirective(location = "FieldDefinition")]
    pub fn requires(roles: Vec<Role>) {}
}

fn requiring(permission: Permission, is_hidden: bool) -> MetaDirectiveInvocation {
    let roles: Vec<Role> = roles_of(permission).iter().copied().map(Role::from).collect();
    let mut args = IndexMap::from_iter([
        ("roles".to_owned(), roles.to_value()),
        (PERMISSION.to_owned(), Value::from(permission.name())),
    ]);
    if is_hidden {
        args.insert(HIDDEN.to_owned(), Value::from(true));
    }
    MetaDirectiveInvocation { name: REQUIRES.to_owned(), args }
}

/// The field requires a permission; callers without it are refused.
#[allow(non_camel_case_types)] // as directives are named
#[derive(Debug)]
pub struct requires;

impl requires {
    /// Declares the field's permission.
    pub fn apply(permission: Permission) -> MetaDirectiveInvocation {
        requiring(permission, false)
    }
}

/// The field requires a permission; it is `null` for callers without it, because pages shared by several roles
/// select it.
#[allow(non_camel_case_types)] // as directives are named
#[derive(Debug)]
pub struct hidden_without;

impl hidden_without {
    /// Declares the field's permission.
    pub fn apply(permission: Permission) -> MetaDirectiveInvocation {
        requiring(permission, true)
    }
}

/// The field is open to every caller who obtained its object; on a type, all its fields are, unless they say
/// otherwise.
#[allow(non_camel_case_types)] // as directives are named
#[derive(Debug)]
pub struct open;

impl open {
    /// Declares the field or the type as open.
    pub fn apply() -> MetaDirectiveInvocation {
        MetaDirectiveInvocation { name: OPEN.to_owned(), args: IndexMap::new() }
    }
}

macro_rules! declares_access {
    ($($declaration:ident: $register:expr;)+) => {$(
        impl TypeDirective for $declaration {
            fn name(&self) -> Cow<'static, str> {
                Cow::Borrowed(stringify!($declaration))
            }

            fn register(&self, registry: &mut Registry) {
                $register(registry);
            }
        }

        impl location_traits::Directive_At_FIELD_DEFINITION for $declaration {}
    )+};
}

declares_access! {
    requires: |registry| schema::requires.register(registry);
    hidden_without: |registry| schema::requires.register(registry);
    open: |_| ();
}

impl location_traits::Directive_At_OBJECT for open {}

/// The access rule of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Open to callers who obtained the object.
    Open,
    /// Requires a permission; without it the field is `null` (`is_hidden`) or refused.
    Requires { permission: Permission, is_hidden: bool },
}

impl Access {
    /// Reads the declaration among directives; `None` if there is none.
    pub(crate) fn declared(directives: &[MetaDirectiveInvocation]) -> Option<Self> {
        directives.iter().find_map(|directive| match directive.name.as_str() {
            OPEN => Some(Self::Open),
            REQUIRES => {
                let Some(Value::String(name)) = directive.args.get(PERMISSION) else { return None };
                let permission = Permission::ALL.iter().find(|permission| permission.name() == name)?;
                let is_hidden = directive.args.contains_key(HIDDEN);
                Some(Self::Requires { permission: *permission, is_hidden })
            }
            _ => None,
        })
    }
}

/// Removes from the schema's text what only the server reads.
pub(crate) fn without_declarations(sdl: &str) -> String {
    let sdl = sdl.replace(&format!(" @{OPEN}"), "");
    let permission = format!(", {PERMISSION}: ");
    let mut parts = sdl.split(&permission);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        text.push_str(part.find(')').map_or("", |end| &part[end..]));
    }
    text
}
