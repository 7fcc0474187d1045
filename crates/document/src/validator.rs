//! The schema that documents are validated against.

use std::sync::Arc;

use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::{Valid, WithErrors};
use apollo_compiler::{Schema, ast, name, ty};

/// The schema's text is not a valid schema.
#[derive(Debug, thiserror::Error)]
#[error("the schema's text is not valid: {0}")]
pub struct InvalidSchema(String);

/// Checks a value of a custom scalar, by the scalar's name. The error describes the problem without the value.
pub type ScalarCheck = fn(&str, async_graphql::Value) -> Result<(), String>;

/// Validates documents against the schema. Clones share it.
#[derive(Debug, Clone)]
pub struct Validator {
    schema: Arc<Valid<Schema>>,
    check_scalar: ScalarCheck,
}

impl Validator {
    /// Builds the validator of a schema from its text.
    ///
    /// # Errors
    /// [`InvalidSchema`] if the text is not a schema.
    pub fn new(sdl: &str, check_scalar: ScalarCheck) -> Result<Self, InvalidSchema> {
        let invalid = |invalid: WithErrors<Schema>| InvalidSchema(invalid.errors.to_string());
        let mut schema = Schema::parse(sdl, "schema.graphql").map_err(invalid)?;
        if let Some(ExtendedType::Object(ty)) = schema.types.get_mut("__Type") {
            // From the 2025 specification: async-graphql answers it, `apollo-compiler` does not know it.
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

    /// Returns the schema.
    pub fn schema(&self) -> &Valid<Schema> {
        &self.schema
    }

    /// Checks a value of a custom scalar.
    pub(crate) fn check_scalar(&self, name: &str, value: async_graphql::Value) -> Result<(), String> {
        (self.check_scalar)(name, value)
    }
}
