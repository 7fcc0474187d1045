//! Resuming a subscription at the position that its transport provides.

use async_graphql::parser::types::{DocumentOperations, Field, Selection};
use async_graphql::{Name, Positioned, Request, Value};

/// Argument of every subscription: the position after which it resumes.
const AFTER: &str = "after";

/// Makes a [checked](super::api::Api::check) subscription resume after the last position that its client has seen.
pub fn resume(request: &mut Request, last_seen: &str) {
    let Ok(document) = request.parsed_query() else { return };
    let mut document = document.clone();
    let operation = match &mut document.operations {
        DocumentOperations::Single(operation) => Some(operation),
        DocumentOperations::Multiple(operations) => operations.values_mut().next(),
    };
    // The executed operation has one root field, without a fragment around it.
    let root = operation.and_then(|operation| operation.node.selection_set.node.items.first_mut());
    if let Some(Selection::Field(root)) = root.map(|root| &mut root.node) {
        let variable = set_after(root, last_seen);
        request.set_parsed_query(document);
        if let Some(variable) = variable {
            request.variables.insert(variable, Value::String(last_seen.to_owned()));
        }
    }
}

/// Sets the field's `after`; if it is a variable, returns the variable to set instead.
fn set_after(field: &mut Positioned<Field>, last_seen: &str) -> Option<Name> {
    let pos = field.pos;
    let value = || Value::String(last_seen.to_owned()).into_value();
    match field.node.arguments.iter_mut().find(|(name, _)| name.node == AFTER) {
        Some((_, given)) => match given.node.to_string().strip_prefix('$') {
            Some(variable) => return Some(Name::new(variable)),
            None => given.node = value(),
        },
        None => {
            let argument = (Positioned::new(Name::new(AFTER), pos), Positioned::new(value(), pos));
            field.node.arguments.push(argument);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use async_graphql::{Variables, value};

    use super::*;

    /// Returns the root field with its arguments, and the variables.
    fn resumed(query: &str, last_seen: &str) -> (String, Variables) {
        let mut request = Request::new(query).variables(Variables::from_value(value!({ "a": "1" })));
        resume(&mut request, last_seen);
        let variables = request.variables.clone();
        let document = request.parsed_query().unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let root = match &operation.node.selection_set.node.items[..] {
            [Positioned { node: Selection::Field(field), .. }] => {
                let arguments = field.node.arguments.iter();
                let arguments: Vec<_> =
                    arguments.map(|(name, value)| format!("{}: {}", name.node, value.node)).collect();
                format!("{}({})", field.node.name.node, arguments.join(", "))
            }
            _ => String::new(),
        };
        (root, variables)
    }

    #[test]
    fn the_last_seen_position_replaces_after() {
        let after = |query: &str| {
            let (root, variables) = resumed(query, "7");
            (root, variables.get("a").cloned().unwrap())
        };
        assert_eq!(after("subscription { x { y } }"), ("x(after: \"7\")".to_owned(), value!("1")));
        assert_eq!(
            after("subscription { x(after: \"3\") { y } }"),
            ("x(after: \"7\")".to_owned(), value!("1"))
        );
        let variable = after("subscription($a: P) { x(after: $a) { y } }");
        assert_eq!(variable, ("x(after: $a)".to_owned(), value!("7")));
    }

    #[test]
    fn every_subscription_has_after() {
        let sdl = graphql::schema::sdl();
        let (_, fields) = sdl.split_once("type Subscription {").unwrap();
        let (fields, _) = fields.split_once("\n}").unwrap();
        let resumable = fields.matches("after: LogPosition").count();
        assert_eq!(resumable, fields.matches("Update!").count());
        assert!(resumable >= 6);
    }
}
