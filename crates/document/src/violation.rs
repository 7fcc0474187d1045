//! A violation of the specification by a document or its variables, as it is reported to the client.

use async_graphql::{Pos, ServerError};

use crate::error_code::{ErrorCode, set_code};

/// Upper bound on the violations that are reported for one request.
pub const MAX_VIOLATIONS: usize = 20;

/// A violation by a document or its variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Error code of the response.
    pub code: ErrorCode,
    /// Description of the violation.
    pub message: String,
    /// Names in the schema that are similar to an unknown one, as a sentence. Only for callers who may see the schema.
    pub suggestion: Option<String>,
    /// Location in the document.
    pub pos: Option<Pos>,
}

impl Violation {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self { code, message: message.into(), suggestion: None, pos }
    }

    pub(crate) fn invalid(message: impl Into<String>, pos: Option<Pos>) -> Self {
        Self::new(ErrorCode::GraphqlValidationFailed, message, pos)
    }

    /// Returns the violation as an error of the response.
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
