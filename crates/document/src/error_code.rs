//! The error codes of the API, and how an error carries its code.

use async_graphql::{ErrorExtensionValues, ServerError, Value};

/// Declares the codes: the variant, its text, and whether the same request may succeed later.
macro_rules! error_codes {
    ($($(#[$meta:meta])* $variant:ident, $text:literal, $is_retryable:literal;)*) => {
        /// Error codes of the API, and the one of the persisted query protocol.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[allow(missing_docs)] // the contract defines the names
        pub enum ErrorCode {
            $($(#[$meta])* $variant,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: [Self; [$($text),*].len()] = [$(Self::$variant),*];

            /// Returns the code's text.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// Returns whether the same request may succeed later.
            pub fn is_retryable(self) -> bool {
                match self {
                    $(Self::$variant => $is_retryable,)*
                }
            }
        }
    };
}

error_codes! {
    Unauthenticated, "UNAUTHENTICATED", false;
    Forbidden, "FORBIDDEN", false;
    NotFound, "NOT_FOUND", false;
    BadUserInput, "BAD_USER_INPUT", false;
    GraphqlParseFailed, "GRAPHQL_PARSE_FAILED", false;
    GraphqlValidationFailed, "GRAPHQL_VALIDATION_FAILED", false;
    /// Apollo's automatic persisted queries: the client must send the document too.
    PersistedQueryNotFound, "PERSISTED_QUERY_NOT_FOUND", false;
    QueryTooComplex, "QUERY_TOO_COMPLEX", false;
    RateLimited, "RATE_LIMITED", false;
    Conflict, "CONFLICT", true;
    Overloaded, "OVERLOADED", true;
    Maintenance, "MAINTENANCE", true;
    Unavailable, "UNAVAILABLE", true;
    Internal, "INTERNAL", true;
}

/// Sets an error's code and, if the same request may succeed later, `retryable`.
pub fn set_code(error: &mut ServerError, code: ErrorCode) {
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    extensions.set("code", code.as_str());
    if code.is_retryable() {
        extensions.set("retryable", true);
    }
}

/// Returns an error's code.
pub fn code_of(error: &ServerError) -> Option<&str> {
    match error.extensions.as_ref()?.get("code")? {
        Value::String(code) => Some(code),
        _ => None,
    }
}
