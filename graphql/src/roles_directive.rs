//! The directive `@requires`: the roles of a field, from the table in `domain::access`. `crate::field_guard`
//! enforces it for every request.

use domain::access::{Permission, roles_of};

pub use directive::requires;

use crate::types::enums::Role;

#[allow(missing_docs)] // of what the macro makes
mod directive {
    use async_graphql::TypeDirective;

    use crate::types::enums::Role;

    /// The field is for these roles, each within its scope: a customer's own entities, an employee's
    /// pizzeria.
    #[TypeDirective(location = "FieldDefinition")]
    pub fn requires(roles: Vec<Role>) {}
}

/// Returns the roles that have a permission.
pub fn roles(permission: Permission) -> Vec<Role> {
    roles_of(permission).iter().copied().map(Role::from).collect()
}
