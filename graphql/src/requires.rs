//! `@requires`: the roles that a field is for, in the schema's text. It says so only: what decides is
//! `domain::access`, whose table it shows.

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

#[cfg(test)]
mod tests {
    use crate::schema::sdl;

    #[test]
    fn everything_that_changes_or_follows_says_for_whom_it_is() {
        let sdl = sdl();
        for root in ["type Mutation {", "type Subscription {"] {
            let (_, fields) = sdl.split_once(root).unwrap();
            let (fields, _) = fields.split_once("\n}").unwrap();
            // A field's type ends the line that closes its arguments.
            let ends: Vec<_> = fields.lines().filter(|line| line.starts_with("\t): ")).collect();
            assert!(!ends.is_empty(), "{root}");
            for end in ends {
                assert!(end.contains(" @requires(roles: ["), "{end}");
            }
        }
    }
}
