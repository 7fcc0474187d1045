//! Validation of documents (specification, section 5): the rules of `apollo-compiler`, and those that it lacks.

use std::collections::HashMap;

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList};
use apollo_compiler::{Node, ast};
use async_graphql::Variables;
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};

use super::syntax::Positions;
use super::validator::Validator;
use super::violation::{MAX_VIOLATIONS, Violation};
use super::{rules, suggestions, syntax, variables};
use crate::error_code::ErrorCode;
use crate::limits::{LimitExceeded, check_document, check_text};

/// A parsed document and the result of its validation.
#[derive(Debug)]
pub struct Document {
    /// The document in async-graphql's syntax tree.
    pub executable: ExecutableDocument,
    /// Variable definitions by operation name.
    definitions: HashMap<Option<String>, Vec<Node<ast::VariableDefinition>>>,
    /// Violations of the specification's rules; empty if the document may be executed.
    pub violations: Vec<Violation>,
}

impl Document {
    /// Coerces the variables of a request to the types that an operation declares (specification, section 6.1.2).
    ///
    /// # Errors
    /// One [`Violation`] for each value of a wrong type.
    pub fn coerce(
        &self,
        validator: &Validator,
        name: Option<&str>,
        operation: &OperationDefinition,
        given: Variables,
    ) -> Result<Variables, Vec<Violation>> {
        let definitions = self.definitions.get(&name.map(str::to_owned)).map_or(&[][..], Vec::as_slice);
        variables::coerce(validator, definitions, operation, given)
    }
}

/// A document that is rejected before validation.
#[derive(Debug)]
pub enum DocumentError {
    /// The document exceeds a limit.
    LimitExceeded(LimitExceeded),
    /// The document violates the grammar, or a rule that the conversion of its syntax tree requires.
    Syntax(Violation),
}

impl From<LimitExceeded> for DocumentError {
    fn from(error: LimitExceeded) -> Self {
        Self::LimitExceeded(error)
    }
}

impl From<Violation> for DocumentError {
    fn from(error: Violation) -> Self {
        Self::Syntax(error)
    }
}

/// Diagnostics of literal values. They are reported as `BAD_USER_INPUT`: the input is wrong, not the document.
const VALUE_DIAGNOSTICS: [&str; 6] = [
    "FloatCoercionError",
    "IntCoercionError",
    "RequiredField",
    "UndefinedEnumValue",
    "UndefinedInputValue",
    "UnsupportedValueType",
];

impl Validator {
    /// Parses a document, checks its limits, and validates it.
    ///
    /// # Errors
    /// [`DocumentError`]; violations of the rules are in [`Document::violations`].
    pub fn document(&self, text: &str) -> Result<Document, DocumentError> {
        check_text(text)?;
        let positions = Positions::of(text);
        let parsed = syntax::parse(text)?;
        let executable = syntax::convert(&parsed, &positions)?;
        check_document(&executable)?;
        let (valid, mut violations) = match parsed.to_executable_validate(self.schema()) {
            Ok(valid) => (valid.into_inner(), Vec::new()),
            Err(invalid) => (invalid.partial, self.violations(&invalid.errors, &positions)),
        };
        if violations.is_empty() {
            violations = rules::check(self, &valid, &executable, &positions);
        }
        violations.truncate(MAX_VIOLATIONS);
        Ok(Document { executable, definitions: definitions(parsed), violations })
    }

    fn violations(&self, errors: &DiagnosticList, positions: &Positions<'_>) -> Vec<Violation> {
        let name_of = |error: &DiagnosticData| error.unstable_error_name().unwrap_or_default();
        let unknown = errors.iter().filter(|error| name_of(error.error) == "UndefinedField");
        let unknown: Vec<_> = unknown.filter_map(|error| error.error.location()).collect();
        let is_reported = |error: &DiagnosticData| match name_of(error) {
            // A repeated field is allowed: `rules` checks the merged fields.
            "SubscriptionUsesMultipleFields" => false,
            // A consequence of the unknown fields inside, which are reported instead.
            "MissingSubselection" => !error.location().is_some_and(|outer| {
                unknown.iter().any(|inner| (outer.offset()..outer.end_offset()).contains(&inner.offset()))
            }),
            _ => true,
        };
        let reported = errors.iter().filter(|error| is_reported(error.error)).take(MAX_VIOLATIONS);
        let violations = reported.map(|error| {
            let name = name_of(error.error);
            let is_of_value = VALUE_DIAGNOSTICS.contains(&name);
            let code = if is_of_value { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed };
            let message = error.error.to_string().replace(" in this document", "");
            let pos = error.error.location().map(|span| positions.of_span(Some(span)));
            let suggestion = suggestions::of(self.schema(), name, &message);
            Violation { suggestion, ..Violation::new(code, suggestions::reword(name, message), pos) }
        });
        violations.collect()
    }
}

/// Returns the variable definitions by operation name.
fn definitions(document: ast::Document) -> HashMap<Option<String>, Vec<Node<ast::VariableDefinition>>> {
    let operations = document.definitions.iter().filter_map(ast::Definition::as_operation_definition);
    let of = |operation: &Node<ast::OperationDefinition>| {
        (operation.name.as_ref().map(ToString::to_string), operation.variables.clone())
    };
    operations.map(of).collect()
}

#[cfg(test)]
mod tests;
