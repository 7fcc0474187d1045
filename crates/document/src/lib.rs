//! GraphQL documents: parsed, validated by the rules of the specification, and turned into the operation that is
//! executed; and the completion of its answer. Knows no HTTP and no caller, and resolves no field.
//!
//! `apollo-compiler` parses and validates, so that one syntax tree is both what is validated and what is executed:
//! [`syntax`] turns it into the tree that async-graphql executes. async-graphql's own parser and validation are not
//! used: they refuse escapes that the specification has, and accept documents that it refuses.

pub mod completion;
pub mod error_code;
pub mod execution;
pub mod limits;
mod rules;
mod suggestions;
mod syntax;
mod validation;
pub mod variables;

use std::collections::HashMap;

use apollo_compiler::{Node, ast};
use async_graphql::parser::types::{ExecutableDocument, OperationDefinition};
use async_graphql::{Pos, ServerError, Variables};

pub use self::validation::InvalidSchema;
pub use self::validation::{Unreadable, Validator};
use crate::error_code::{ErrorCode, set_code};

/// Upper bound on the problems that are reported about one request.
pub const COMPLAINTS: usize = 20;

/// A problem of a document or of its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    /// Code that the client sees.
    pub code: ErrorCode,
    /// Description of the problem.
    pub message: String,
    /// Names of the schema that are similar to an unknown one, as a sentence. Only for callers who may see the schema.
    pub suggestion: Option<String>,
    /// Place in the document.
    pub pos: Option<Pos>,
}

impl Complaint {
    fn new(code: ErrorCode, message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self { code, message: message.into(), suggestion: None, pos }
    }

    fn invalid(message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self::new(ErrorCode::GraphqlValidationFailed, message, pos)
    }

    /// Turns the problem into an error of the answer.
    pub fn to_error(&self, suggest: bool) -> ServerError {
        let mut message = self.message.clone();
        if let Some(suggestion) = self.suggestion.as_ref().filter(|_| suggest) {
            message.push_str(suggestion);
        }
        let mut error = ServerError::new(message, self.pos);
        set_code(&mut error, self.code);
        error
    }
}

/// Checks that a text is a document, whatever the schema is.
///
/// # Errors
/// What is wrong with it.
pub fn check_syntax(text: &str) -> Result<(), String> {
    let parsed = syntax::parse(text).map_err(|complaint| complaint.message)?;
    let converted = syntax::convert(&parsed, &syntax::Positions::of(text));
    converted.map(drop).map_err(|complaint| complaint.message)
}

/// A parsed document and what its validation found.
#[derive(Debug)]
pub struct Document {
    /// The document as the engine has it.
    pub executable: ExecutableDocument,
    /// Variable definitions by operation.
    definitions: HashMap<Option<String>, Vec<Node<ast::VariableDefinition>>>,
    /// Violations of the specification's rules; empty if the document may be executed.
    pub complaints: Vec<Complaint>,
}

impl Document {
    /// Coerces the variables of a request to the types that an operation declares (specification, section 6.1.2).
    ///
    /// # Errors
    /// One [`Complaint`] for each value that does not fit.
    pub fn coerce(
        &self,
        validator: &Validator,
        name: Option<&str>,
        operation: &OperationDefinition,
        given: Variables,
    ) -> Result<Variables, Vec<Complaint>> {
        let definitions = self.definitions.get(&name.map(str::to_owned)).map_or(&[][..], Vec::as_slice);
        variables::coerce(validator, definitions, operation, given)
    }
}
