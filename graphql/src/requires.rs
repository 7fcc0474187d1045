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
    fn every_field_of_a_root_says_for_whom_it_is() {
        let sdl = sdl();
        for root in ["type Mutation {", "type Subscription {", "type Query {"] {
            let (_, fields) = sdl.split_once(root).unwrap();
            let (fields, _) = fields.split_once("\n}").unwrap();
            let (mut described, mut in_text, mut seen) = (String::new(), false, 0);
            for line in fields.lines() {
                if line == "\t\"\"\"" {
                    in_text = !in_text;
                    described = if in_text { String::new() } else { described };
                } else if in_text {
                    described += line.trim();
                    described.push(' ');
                } else if line.starts_with('\t') && !line.starts_with("\t\t") && !line.ends_with('(') {
                    // A field's type ends its line, or the line that closes its arguments.
                    seen += 1;
                    let open = described.contains("For anybody, no account needed");
                    assert!(open != line.contains(" @requires(roles: ["), "{described}{line}");
                }
            }
            assert!(seen > 5, "{root}");
        }
    }
}
