//! Parses and validates GraphQL documents, coerces variables, builds the executed operation and completes its result.
//! Knows no HTTP and no caller, and resolves no field.
//!
//! `apollo-compiler` parses and validates; `syntax` converts its syntax tree into the one that async-graphql
//! executes. async-graphql's own parser and validation are not used: they reject escapes that the specification
//! allows, and accept documents that it forbids.

pub mod completion;
pub mod error_code;
pub mod execution;
pub mod limits;
mod rules;
mod suggestions;
mod syntax;
mod validation;
mod validator;
mod variables;
mod violation;

pub use self::validation::{Document, DocumentError};
pub use self::validator::{InvalidSchema, Validator};
pub use self::violation::{MAX_VIOLATIONS, Violation};

/// Checks the syntax of a document, without a schema.
///
/// # Errors
/// A description of the first syntax error.
pub fn check_syntax(text: &str) -> Result<(), String> {
    let parsed = syntax::parse(text).map_err(|violation| violation.message)?;
    let converted = syntax::convert(&parsed, &syntax::Positions::of(text));
    converted.map(drop).map_err(|violation| violation.message)
}
