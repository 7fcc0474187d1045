//! The one operation of a document that is to be executed, without the others. The library would count what all of
//! them cost, over the variables of this one.

use std::collections::{HashMap, HashSet};

use async_graphql::Name;
use async_graphql::parser::types::{DocumentOperations, ExecutableDocument, Selection, SelectionSet};

/// A document of an operation and the fragments that it spreads; `None` when it is alone already.
pub fn alone(document: &ExecutableDocument, operation: &str) -> Option<ExecutableDocument> {
    let DocumentOperations::Multiple(operations) = &document.operations else { return None };
    if operations.len() < 2 {
        return None;
    }
    let (name, operation) = operations.get_key_value(operation)?;
    let mut spread = HashSet::new();
    fragments_of(document, &operation.node.selection_set.node, &mut spread);
    let fragments = document.fragments.iter().filter(|(name, _)| spread.contains(*name));
    Some(ExecutableDocument {
        operations: DocumentOperations::Multiple(HashMap::from([(name.clone(), operation.clone())])),
        fragments: fragments.map(|(name, fragment)| (name.clone(), fragment.clone())).collect(),
    })
}

fn fragments_of<'a>(
    document: &'a ExecutableDocument,
    selections: &'a SelectionSet,
    spread: &mut HashSet<&'a Name>,
) {
    for selection in &selections.items {
        match &selection.node {
            Selection::Field(field) => fragments_of(document, &field.node.selection_set.node, spread),
            Selection::InlineFragment(inline) => {
                fragments_of(document, &inline.node.selection_set.node, spread);
            }
            Selection::FragmentSpread(named) => {
                let name = &named.node.fragment_name.node;
                if let Some(fragment) = document.fragments.get(name)
                    && spread.insert(name)
                {
                    fragments_of(document, &fragment.node.selection_set.node, spread);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use async_graphql::parser::parse_query;

    use super::*;

    #[test]
    fn an_operation_keeps_its_own_fragments_only() {
        let document = parse_query(
            "query A { a { ...F } } query B { b { ...G } } \
             fragment F on X { ... on Y { ...H } } fragment G on X { c } fragment H on X { ...F c }",
        )
        .unwrap();
        let alone_a = alone(&document, "A").unwrap();
        assert_eq!(alone_a.operations.iter().count(), 1);
        let mut fragments: Vec<_> = alone_a.fragments.keys().map(Name::as_str).collect();
        fragments.sort_unstable();
        assert_eq!(fragments, ["F", "H"]);
        assert!(alone(&alone_a, "A").is_none(), "there is nothing to take away");
    }
}
