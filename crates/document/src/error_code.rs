//! The codes of errors (API.md, Conventions): the one list of them, and how an error carries its code.

use async_graphql::{ErrorExtensionValues, ServerError};

/// The codes of API.md, and the one that the protocol of persisted queries has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // their names are the contract's
pub enum ErrorCode {
    Unauthenticated,
    Forbidden,
    NotFound,
    BadUserInput,
    GraphqlParseFailed,
    GraphqlValidationFailed,
    /// Of Apollo's automatic persisted queries: send the document too.
    PersistedQueryNotFound,
    QueryTooComplex,
    RateLimited,
    Conflict,
    Overloaded,
    Maintenance,
    Unavailable,
    Internal,
}

impl ErrorCode {
    /// Every code.
    pub const ALL: [Self; 14] = [
        Self::Unauthenticated,
        Self::Forbidden,
        Self::NotFound,
        Self::BadUserInput,
        Self::GraphqlParseFailed,
        Self::GraphqlValidationFailed,
        Self::PersistedQueryNotFound,
        Self::QueryTooComplex,
        Self::RateLimited,
        Self::Conflict,
        Self::Overloaded,
        Self::Maintenance,
        Self::Unavailable,
        Self::Internal,
    ];

    /// The code's text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unauthenticated => "UNAUTHENTICATED",
            Self::Forbidden => "FORBIDDEN",
            Self::NotFound => "NOT_FOUND",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::GraphqlParseFailed => "GRAPHQL_PARSE_FAILED",
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::PersistedQueryNotFound => "PERSISTED_QUERY_NOT_FOUND",
            Self::QueryTooComplex => "QUERY_TOO_COMPLEX",
            Self::RateLimited => "RATE_LIMITED",
            Self::Conflict => "CONFLICT",
            Self::Overloaded => "OVERLOADED",
            Self::Maintenance => "MAINTENANCE",
            Self::Unavailable => "UNAVAILABLE",
            Self::Internal => "INTERNAL",
        }
    }

    /// Whether the same request may succeed later: the last five of the contract's list.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Conflict | Self::Overloaded | Self::Maintenance | Self::Unavailable | Self::Internal => {
                true
            }
            Self::Unauthenticated
            | Self::Forbidden
            | Self::NotFound
            | Self::BadUserInput
            | Self::GraphqlParseFailed
            | Self::GraphqlValidationFailed
            | Self::PersistedQueryNotFound
            | Self::QueryTooComplex
            | Self::RateLimited => false,
        }
    }
}

/// Gives an error its code, and whether trying again makes sense.
pub fn set_code(error: &mut ServerError, code: ErrorCode) {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", code.as_str());
    if code.is_retryable() {
        extensions.set("retryable", true);
    }
}
