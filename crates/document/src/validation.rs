//! Validation of documents (specification, section 5): the rules of `apollo-compiler`, and those that it lacks.

use std::collections::HashMap;
use std::sync::Arc;

use apollo_compiler::diagnostic::ToCliReport;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::{DiagnosticData, DiagnosticList, Valid, WithErrors};
use apollo_compiler::{Schema, ast, name, ty};

use super::syntax::Positions;
use super::{COMPLAINTS, Complaint, Document, rules, suggestions, syntax};
use crate::error_code::ErrorCode;
use crate::limits::{TooMuch, check_document, check_text};

/// The schema's own text is not a schema.
#[derive(Debug, thiserror::Error)]
#[error("the schema's text is not valid: {0}")]
pub struct InvalidSchema(String);

/// Validates documents against the schema. Clones share it.
#[derive(Debug, Clone)]
pub struct Validator {
    schema: Arc<Valid<Schema>>,
    check_scalar: ScalarCheck,
}

/// Checks a value of a scalar of the schema's own, by the scalar's name. An error says what is wrong, without the value.
pub type ScalarCheck = fn(&str, async_graphql::Value) -> Result<(), String>;

/// A document that is not even validated.
#[derive(Debug)]
pub enum Unreadable {
    /// The document is beyond a limit.
    TooMuch(TooMuch),
    /// The document is not one by the grammar, or by a rule that its syntax tree depends on.
    Syntax(Complaint),
}

impl From<TooMuch> for Unreadable {
    fn from(error: TooMuch) -> Self {
        Self::TooMuch(error)
    }
}

impl From<Complaint> for Unreadable {
    fn from(error: Complaint) -> Self {
        Self::Syntax(error)
    }
}

/// Names of problems with a literal value: the request's input is wrong, not its shape.
const OF_VALUES: [&str; 6] = [
    "FloatCoercionError",
    "IntCoercionError",
    "RequiredField",
    "UndefinedEnumValue",
    "UndefinedInputValue",
    "UnsupportedValueType",
];

impl Validator {
    /// Builds the validator of a schema, from its text.
    ///
    /// # Errors
    /// When the text is not a schema.
    pub fn new(sdl: &str, check_scalar: ScalarCheck) -> Result<Self, InvalidSchema> {
        let invalid = |invalid: WithErrors<Schema>| InvalidSchema(invalid.errors.to_string());
        let mut schema = Schema::parse(sdl, "schema.graphql").map_err(invalid)?;
        if let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type") {
            // Of the specification of 2025, which async-graphql answers and `apollo-compiler` does not know.
            let is_one_of = ast::FieldDefinition {
                description: None,
                name: name!("isOneOf"),
                arguments: Vec::new(),
                ty: ty!(Boolean),
                directives: ast::DirectiveList::new(),
            };
            ty.make_mut().fields.entry(name!("isOneOf")).or_insert(is_one_of.into());
        }
        Ok(Self { schema: Arc::new(schema.validate().map_err(invalid)?), check_scalar })
    }

    /// The schema.
    pub fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// Checks a value of a scalar of the schema's own.
    pub(crate) fn check_scalar(&self, name: &str, value: async_graphql::Value) -> Result<(), String> {
        (self.check_scalar)(name, value)
    }

    /// Parses a document, holds it against the limits, and validates it.
    ///
    /// # Errors
    /// [`Unreadable`]; violations of the rules are in [`Document::complaints`].
    pub fn document(&self, text: &str) -> Result<Document, Unreadable> {
        check_text(text)?;
        let positions = Positions::of(text);
        let parsed = syntax::parse(text)?;
        let executable = syntax::convert(&parsed, &positions)?;
        check_document(&executable)?;
        let (valid, mut complaints) = match parsed.to_executable_validate(&self.schema) {
            Ok(valid) => (valid.into_inner(), Vec::new()),
            Err(invalid) => (invalid.partial, self.complaints(&invalid.errors, &positions)),
        };
        if complaints.is_empty() {
            complaints = rules::check(self, &valid, &executable, &positions);
        }
        complaints.truncate(COMPLAINTS);
        Ok(Document { executable, definitions: definitions(parsed), complaints })
    }

    fn complaints(&self, errors: &DiagnosticList, positions: &Positions<'_>) -> Vec<Complaint> {
        let name_of = |error: &DiagnosticData| error.unstable_error_name().unwrap_or_default();
        let unknown = errors.iter().filter(|error| name_of(error.error) == "UndefinedField");
        let unknown: Vec<_> = unknown.filter_map(|error| error.error.location()).collect();
        let is_told = |error: &DiagnosticData| match name_of(error) {
            // The one field may be repeated: the rules look at what is merged.
            "SubscriptionUsesMultipleFields" => false,
            // Only without the unknown fields in it.
            "MissingSubselection" => !error.location().is_some_and(|outer| {
                unknown.iter().any(|inner| (outer.offset()..outer.end_offset()).contains(&inner.offset()))
            }),
            _ => true,
        };
        let told = errors.iter().filter(|error| is_told(error.error)).take(COMPLAINTS);
        let complaints = told.map(|error| {
            let name = name_of(error.error);
            let is_of_a_value = OF_VALUES.contains(&name);
            let code =
                if is_of_a_value { ErrorCode::BadUserInput } else { ErrorCode::GraphqlValidationFailed };
            let message = error.error.to_string().replace(" in this document", "");
            let pos = error.error.location().map(|span| positions.of_span(Some(span)));
            let suggestion = suggestions::of(&self.schema, name, &message);
            Complaint { suggestion, ..Complaint::new(code, suggestions::told(name, message), pos) }
        });
        complaints.collect()
    }
}

/// Variable definitions by operation.
fn definitions(
    document: ast::Document,
) -> HashMap<Option<String>, Vec<apollo_compiler::Node<ast::VariableDefinition>>> {
    let operations = document.definitions.iter().filter_map(ast::Definition::as_operation_definition);
    let of = |operation: &apollo_compiler::Node<ast::OperationDefinition>| {
        (operation.name.as_ref().map(ToString::to_string), operation.variables.clone())
    };
    operations.map(of).collect()
}

#[cfg(test)]
mod tests;
