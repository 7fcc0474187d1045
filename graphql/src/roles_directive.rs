//! `@requires`: the roles that a field is for, of the table in `domain::access`. What the schema's text
//! says is what `crate::field_guard` holds every request to.

use domain::access::{Permission, roles_of};

pub use directive::requires;

use crate::types::enums::Role;

#[allow(missing_docs)] // of what the macro makes
mod directive {
    use async_graphql::TypeDirective;

    use crate::types::enums::Role;

    /// The field is for these roles, each within its scope: a customer's own, a member of staff's pizzeria.
    #[TypeDirective(location = "FieldDefinition")]
    pub fn requires(roles: Vec<Role>) {}
}

/// The roles that have a permission.
pub fn roles(permission: Permission) -> Vec<Role> {
    roles_of(permission).iter().copied().map(Role::from).collect()
}
