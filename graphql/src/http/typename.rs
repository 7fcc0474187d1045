//! `__typename`, which the library's validation passes over whatever is written on it: unknown directives
//! and arguments were taken, and a variable that only its `@skip` uses was said to be unused.

use async_graphql::parser::types::{ExecutableDocument, Field, InlineFragment, Selection, SelectionSet};
use async_graphql::{Pos, Positioned, ServerError};

use crate::error::{ErrorCode, set_code};

fn refused(pos: Pos, what: &str) -> ServerError {
    let mut error = ServerError::new(format!("__typename takes no {what}"), Some(pos));
    set_code(&mut error, ErrorCode::GraphqlValidationFailed);
    error
}

/// Puts the directives of each `__typename` on an inline fragment around it, which means the same and is
/// validated.
///
/// # Errors
/// For a `__typename` with arguments or fields.
pub fn expose(document: &mut ExecutableDocument) -> Result<(), ServerError> {
    use async_graphql::parser::types::DocumentOperations::{Multiple, Single};
    match &mut document.operations {
        Single(operation) => selections(&mut operation.node.selection_set.node)?,
        Multiple(operations) => {
            for operation in operations.values_mut() {
                selections(&mut operation.node.selection_set.node)?;
            }
        }
    }
    for fragment in document.fragments.values_mut() {
        selections(&mut fragment.node.selection_set.node)?;
    }
    Ok(())
}

/// The limits have bounded how deep they are.
fn selections(set: &mut SelectionSet) -> Result<(), ServerError> {
    for selection in &mut set.items {
        let pos = selection.pos;
        match &mut selection.node {
            Selection::Field(field) if field.node.name.node == "__typename" => {
                if let Some(around) = around(&mut field.node, pos)? {
                    selection.node = Selection::InlineFragment(Positioned::new(around, pos));
                }
            }
            Selection::Field(field) => selections(&mut field.node.selection_set.node)?,
            Selection::InlineFragment(inline) => selections(&mut inline.node.selection_set.node)?,
            Selection::FragmentSpread(_) => {}
        }
    }
    Ok(())
}

fn around(field: &mut Field, pos: Pos) -> Result<Option<InlineFragment>, ServerError> {
    if let Some((name, _)) = field.arguments.first() {
        return Err(refused(name.pos, "arguments"));
    }
    if let Some(inner) = field.selection_set.node.items.first() {
        return Err(refused(inner.pos, "fields"));
    }
    if field.directives.is_empty() {
        return Ok(None);
    }
    let directives = std::mem::take(&mut field.directives);
    let plain = Selection::Field(Positioned::new(field.clone(), pos));
    let selection_set = Positioned::new(SelectionSet { items: vec![Positioned::new(plain, pos)] }, pos);
    Ok(Some(InlineFragment { type_condition: None, directives, selection_set }))
}
