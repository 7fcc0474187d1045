//! Access to introspection. Without access there is no `__schema` and no `__type`, and an unknown name is
//! answered without similar names.

use std::str::FromStr;
use std::sync::Arc;

use async_graphql::parser::types::{ExecutableDocument, Selection, SelectionSet};
use domain::access::{Actor, Role};

/// The callers who may introspect the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Introspection {
    /// Every caller, signed in or not.
    EveryCaller,
    /// Callers with one of these roles.
    Roles(Arc<[Role]>),
}

/// A list with an unknown role.
#[derive(Debug, thiserror::Error)]
#[error(
    "OCPIZZA_MANAGER_INTROSPECTION must be EVERYBODY, NOBODY or a list of roles such as DIRECTOR, not {0:?}"
)]
pub struct NoRole(String);

/// `EVERYBODY`, `NOBODY`, or roles separated by commas.
impl FromStr for Introspection {
    type Err = NoRole;

    fn from_str(text: &str) -> Result<Self, NoRole> {
        match text.trim() {
            "EVERYBODY" => Ok(Self::EveryCaller),
            "NOBODY" => Ok(Self::disabled()),
            list => {
                let role = |name: &str| name.parse().map_err(|_| NoRole(name.to_owned()));
                Ok(Self::Roles(list.split(',').map(str::trim).map(role).collect::<Result<_, _>>()?))
            }
        }
    }
}

impl Introspection {
    /// Introspection is disabled for every caller.
    pub fn disabled() -> Self {
        Self::Roles(Arc::new([]))
    }

    /// Returns whether a caller may introspect the schema.
    pub fn is_for(&self, actor: Option<&Actor>) -> bool {
        match self {
            Self::EveryCaller => true,
            Self::Roles(roles) => actor.is_some_and(|actor| roles.contains(&actor.role)),
        }
    }
}

/// Marks a request whose caller may not introspect the schema; data of the request.
#[derive(Debug, Clone, Copy)]
pub struct Undescribed;

/// Returns whether a document introspects the schema, which is possible only at the root of a query.
pub(crate) fn is_introspection(document: &ExecutableDocument) -> bool {
    let operations = document.operations.iter().map(|(_, operation)| &operation.node.selection_set.node);
    let fragments = document.fragments.values().map(|fragment| &fragment.node.selection_set.node);
    operations.chain(fragments).any(asks)
}

/// Recursion is safe: the document's depth was checked.
fn asks(selections: &SelectionSet) -> bool {
    selections.items.iter().any(|item| match &item.node {
        Selection::Field(field) => {
            ["__schema", "__type"].contains(&field.node.name.node.as_str())
                || asks(&field.node.selection_set.node)
        }
        Selection::InlineFragment(fragment) => asks(&fragment.node.selection_set.node),
        Selection::FragmentSpread(_) => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_setting() {
        let of = |text: &str| text.parse::<Introspection>().unwrap();
        let actor = |role| Actor { id: uuid::Uuid::nil(), role, pizzeria: None };
        let for_two = of("DIRECTOR, AUDITOR");
        assert!(for_two.is_for(Some(&actor(Role::Auditor))));
        assert!(!for_two.is_for(Some(&actor(Role::Manager))) && !for_two.is_for(None));
        assert!(of("EVERYBODY").is_for(None) && !of("NOBODY").is_for(Some(&actor(Role::Director))));
        for wrong in ["", "CHEF", "DIRECTOR,,AUDITOR", "director"] {
            assert!(wrong.parse::<Introspection>().is_err(), "{wrong}");
        }
    }
}
