//! Subscriptions as documents: one root field each (GraphQL specification, section 5.2.4.1), which is
//! found wherever fragments put it, and resumed where a transport says so.

use async_graphql::parser::types::{
    DocumentOperations, ExecutableDocument, Field, OperationDefinition, Selection, SelectionSet,
};
use async_graphql::{Name, Positioned, Request, Value};

/// The argument that every subscription resumes by.
const AFTER: &str = "after";

/// Why a document is no subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOneField {
    /// Two fields, or more.
    #[error("a subscription has one root field: send one operation for each")]
    Several,
    /// `__typename`.
    #[error("a subscription's root field is one of the schema's, not __typename")]
    Introspection,
    /// `@skip` or `@include`.
    #[error("a subscription's root field has neither @skip nor @include")]
    Conditional,
}

/// Gives a subscription its one root field directly, which is all that is executed; and with the
/// position that a client has seen last, has it resume there.
///
/// # Errors
/// When it has not one root field. What else is wrong is left for validation to find.
pub fn prepare(request: &mut Request, last_seen: Option<&str>) -> Result<(), NotOneField> {
    let name = request.operation_name.clone();
    let Ok(document) = request.parsed_query() else { return Ok(()) };
    let mut document = document.clone();
    let ExecutableDocument { operations, fragments } = &mut document;
    let Some(operation) = named(operations, name.as_deref()) else { return Ok(()) };
    let (mut fields, mut spread) = (Vec::new(), Vec::new());
    let found = flatten(&operation.selection_set.node, &mut fields, &mut |name: &Name| {
        let fragment = fragments.get(name)?;
        spread.push(name.clone());
        Some(fragment.node.selection_set.node.clone())
    })?;
    if !found {
        return Ok(());
    }
    let mut fields = fields.into_iter();
    let Some(mut root) = fields.next() else { return Ok(()) };
    for field in fields {
        let same = |one: &Field| (one.response_key().node.clone(), one.name.node.clone());
        if same(&field.node) != same(&root.node) || field.node.arguments != root.node.arguments {
            return Err(NotOneField::Several);
        }
        root.node.selection_set.node.items.extend(field.node.selection_set.node.items);
    }
    let variable = last_seen.and_then(|last_seen| resume(&mut root, last_seen));
    let pos = root.pos;
    operation.selection_set.node.items = vec![Positioned::new(Selection::Field(root), pos)];
    // A fragment that is spread nowhere would be refused; those that are of the root only were.
    fragments.retain(|name, _| !spread.contains(name));
    request.set_parsed_query(document);
    if let (Some(variable), Some(last_seen)) = (variable, last_seen) {
        request.variables.insert(variable, Value::String(last_seen.to_owned()));
    }
    Ok(())
}

fn named<'a>(
    operations: &'a mut DocumentOperations,
    name: Option<&str>,
) -> Option<&'a mut OperationDefinition> {
    match operations {
        DocumentOperations::Single(operation) => Some(&mut operation.node),
        DocumentOperations::Multiple(operations) => match name {
            Some(name) => operations.get_mut(name).map(|operation| &mut operation.node),
            None => operations.values_mut().next().map(|operation| &mut operation.node),
        },
    }
}

/// Collects the fields of a selection, fragments expanded; false when a fragment does not exist. The
/// limits have refused fragments that contain themselves.
fn flatten(
    selections: &SelectionSet,
    fields: &mut Vec<Positioned<Field>>,
    fragment: &mut impl FnMut(&Name) -> Option<SelectionSet>,
) -> Result<bool, NotOneField> {
    for selection in &selections.items {
        let directives = match &selection.node {
            Selection::Field(field) => &field.node.directives,
            Selection::FragmentSpread(spread) => &spread.node.directives,
            Selection::InlineFragment(inline) => &inline.node.directives,
        };
        if directives.iter().any(|directive| ["skip", "include"].contains(&directive.node.name.node.as_str()))
        {
            return Err(NotOneField::Conditional);
        }
        let whole = match &selection.node {
            Selection::Field(field) if field.node.name.node.starts_with("__") => {
                return Err(NotOneField::Introspection);
            }
            Selection::Field(field) => {
                fields.push(field.clone());
                true
            }
            Selection::InlineFragment(inline) => flatten(&inline.node.selection_set.node, fields, fragment)?,
            Selection::FragmentSpread(spread) => match fragment(&spread.node.fragment_name.node) {
                Some(selections) => flatten(&selections, fields, fragment)?,
                None => false,
            },
        };
        if !whole {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sets the field's `after`; the variable to be set instead, when it is one.
fn resume(field: &mut Positioned<Field>, last_seen: &str) -> Option<Name> {
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

    /// The root field's name and arguments, and the variables.
    fn prepared(query: &str, last_seen: Option<&str>) -> Result<(String, Variables), NotOneField> {
        let mut request = Request::new(query).variables(Variables::from_value(value!({ "a": "1" })));
        prepare(&mut request, last_seen)?;
        let variables = request.variables.clone();
        let document = request.parsed_query().unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        let root = match &operation.node.selection_set.node.items[..] {
            [Positioned { node: Selection::Field(field), .. }] => {
                let arguments = field.node.arguments.iter();
                let arguments: Vec<_> =
                    arguments.map(|(name, value)| format!("{}: {}", name.node, value.node)).collect();
                format!("{}({}){}", field.node.name.node, arguments.join(", "), document.fragments.len())
            }
            _ => String::new(),
        };
        Ok((root, variables))
    }

    #[test]
    fn the_one_field_is_found_in_fragments() {
        let query = "subscription { ...A } fragment A on Subscription { ... on Subscription { x(id: 1) { ...B } } } \
                     fragment B on X { y }";
        assert_eq!(prepared(query, None).unwrap().0, "x(id: 1)1");
        assert_eq!(prepared("subscription { x { y } x { z } }", None).unwrap().0, "x()0");
        for (query, error) in [
            ("subscription { x { y } z { y } }", NotOneField::Several),
            ("subscription { a: x { y } b: x { y } }", NotOneField::Several),
            ("subscription { ...A z } fragment A on Subscription { x }", NotOneField::Several),
            ("subscription { __typename }", NotOneField::Introspection),
            ("subscription { x @skip(if: true) { y } }", NotOneField::Conditional),
        ] {
            assert_eq!(prepared(query, None).unwrap_err(), error, "{query}");
        }
    }

    #[test]
    fn what_was_seen_last_wins_over_what_was_asked_at_first() {
        let after = |query: &str| {
            let (root, variables) = prepared(query, Some("7")).unwrap();
            (root, variables.get("a").cloned().unwrap())
        };
        assert_eq!(after("subscription { x { y } }"), ("x(after: \"7\")0".to_owned(), value!("1")));
        assert_eq!(
            after("subscription { x(after: \"3\") { y } }"),
            ("x(after: \"7\")0".to_owned(), value!("1"))
        );
        let variable = after("subscription($a: P) { x(after: $a) { y } }");
        assert_eq!(variable, ("x(after: $a)0".to_owned(), value!("7")));
    }

    #[test]
    fn every_subscription_can_be_resumed() {
        let sdl = crate::schema::sdl();
        let (_, fields) = sdl.split_once("type Subscription {").unwrap();
        let (fields, _) = fields.split_once("\n}").unwrap();
        let resumable = fields.matches("after: LogPosition").count();
        assert_eq!(resumable, fields.matches("Update!").count());
        assert!(resumable >= 6);
    }
}
