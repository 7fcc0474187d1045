//! Errors of the API. A refusal by the domain is data in a payload, not an error; all other failures are
//! errors, each with `extensions.code` (API.md, Conventions).
//!
//! Resolvers return `Result<T, ApiError>`. [`finish`] converts failures into what clients see and logs each
//! fault once, without payloads, tokens or contacts.

mod conversions;

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, value};
pub use document::error_code::{ErrorCode, set_code};
use domain::LogPosition;
use domain::access::Denied;
use domain::event::UnreadableEvent;
use event_store::chain;
use identity::clock::in_seconds;

use crate::inputs::InputError;

/// A failure of a resolver or of the steps before it.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ApiError {
    /// The token is missing or unknown.
    #[error("sign in first")]
    Unauthenticated,
    /// The caller's role or pizzeria does not permit the operation.
    #[error("not allowed")]
    Forbidden,
    /// The entity does not exist.
    #[error("no such {0}")]
    NotFound(&'static str),
    /// An argument is invalid.
    #[error("{0}")]
    BadUserInput(String),
    /// An input is invalid. A mutation returns it as user errors ([`crate::mutations`], `settled`).
    #[error("{0}")]
    InvalidInput(InputError),
    /// A subscription cannot resume from its client's position: the log ends before it, or it is too far
    /// back.
    #[error("cannot resume: events after {from} up to {to} are unavailable; subscribe again without `after`")]
    Gap {
        /// The last position before the gap.
        from: LogPosition,
        /// The last position of the gap.
        to: LogPosition,
    },
    /// The document exceeds a complexity limit.
    #[error("{0}")]
    QueryTooComplex(String),
    /// A rate limit is exceeded; retry after the given time.
    #[error("{message}; try again in {} seconds", in_seconds(*.retry_after))]
    RateLimited {
        /// The exceeded limit.
        message: String,
        /// The time until the next attempt is accepted.
        retry_after: Duration,
    },
    /// Concurrent commands won every retry.
    #[error("concurrent commands changed the same data on every attempt; try again")]
    Conflict,
    /// Too many commands are waiting.
    #[error("too many commands are waiting; try again")]
    Overloaded,
    /// Too many queries of an expensive kind are running.
    #[error("{0}")]
    Busy(&'static str),
    /// A required service does not answer.
    #[error("{0}")]
    Unavailable(String, #[source] Option<Arc<dyn StdError + Send + Sync>>),
    /// A fault that may be temporary: the same request may succeed later.
    #[error("internal error")]
    Internal(#[source] Arc<dyn StdError + Send + Sync>),
    /// A permanent fault: unreadable stored data, a number out of range, a violated invariant.
    #[error("internal error")]
    Permanent(#[source] Arc<dyn StdError + Send + Sync>),
}

impl ApiError {
    /// Returns `BAD_USER_INPUT` with a message that names the field and the problem.
    pub fn bad_input(message: impl Into<String>) -> Self {
        Self::BadUserInput(message.into())
    }

    /// Returns a non-retryable `INTERNAL`: the request fails again until the data or the program changes.
    pub fn permanent(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Permanent(source.into().into())
    }

    /// Returns `INTERNAL` for any cause.
    pub fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Internal(source.into().into())
    }

    /// Returns `UNAVAILABLE` for an event of a newer program version.
    fn unreadable(position: LogPosition, source: Arc<UnreadableEvent>) -> Self {
        let message = format!(
            "the event at position {position} is of a newer version of this program; try again later"
        );
        Self::Unavailable(message, Some(source))
    }

    /// Returns the code that clients see.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Unauthenticated => ErrorCode::Unauthenticated,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NotFound(_) => ErrorCode::NotFound,
            Self::BadUserInput(_) | Self::InvalidInput(_) | Self::Gap { .. } => ErrorCode::BadUserInput,
            Self::QueryTooComplex(_) => ErrorCode::QueryTooComplex,
            Self::RateLimited { .. } => ErrorCode::RateLimited,
            Self::Conflict => ErrorCode::Conflict,
            Self::Overloaded | Self::Busy(_) => ErrorCode::Overloaded,
            Self::Unavailable(..) => ErrorCode::Unavailable,
            Self::Internal(_) | Self::Permanent(_) => ErrorCode::Internal,
        }
    }
}

impl From<InputError> for ApiError {
    fn from(error: InputError) -> Self {
        Self::InvalidInput(error)
    }
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthenticated => Self::Unauthenticated,
            Denied::Forbidden => Self::Forbidden,
            Denied::NotFound => Self::NotFound("entity"),
        }
    }
}

/// Maximum length of a library's message, in bytes: it quotes the request.
const LIBRARY_MESSAGE_BYTES_MAX: usize = 1_000;

fn shorten(message: &mut String) {
    if message.len() > LIBRARY_MESSAGE_BYTES_MAX {
        let end = (0..=LIBRARY_MESSAGE_BYTES_MAX)
            .rev()
            .find(|at| message.is_char_boundary(*at))
            .unwrap_or_default();
        message.truncate(end);
        message.push('…');
    }
}

/// Sets the code of every error of a response, hides internal details, and logs faults.
pub fn finish(mut response: Response, request_id: &str) -> Response {
    for error in &mut response.errors {
        if error.extensions.as_ref().is_some_and(|extensions| extensions.get("code").is_some()) {
            shorten(&mut error.message);
            continue;
        }
        let Some(cause) = error.source.as_ref() else {
            // An error without a source of this program was found by the library in the request.
            let too_complex = error.message.starts_with("The recursion depth");
            shorten(&mut error.message);
            set_code(error, if too_complex { ErrorCode::QueryTooComplex } else { ErrorCode::BadUserInput });
            continue;
        };
        let unknown = ApiError::Internal(Arc::new(UnknownCause));
        let api = match cause.downcast_ref::<ApiError>() {
            Some(api) => api.clone(),
            None => match cause.downcast_ref::<Arc<ApiError>>() {
                Some(api) => api.as_ref().clone(),
                None => unknown,
            },
        };
        set_code(error, api.code());
        match &api {
            ApiError::Internal(cause) | ApiError::Permanent(cause) => {
                tracing::error!(request_id, cause = chain(cause.as_ref()), "a request failed");
                // Only the request id is shown.
                error.message = "internal error".to_owned();
                let extensions = error.extensions.get_or_insert_default();
                extensions.set("requestId", request_id);
                if matches!(api, ApiError::Permanent(_)) {
                    extensions.set("retryable", false);
                }
            }
            ApiError::Unavailable(message, cause) => {
                let cause = cause.as_ref().map(|cause| chain(cause.as_ref()));
                tracing::warn!(request_id, cause, "unavailable");
                error.message.clone_from(message);
            }
            ApiError::RateLimited { retry_after, .. } => {
                error.extensions.get_or_insert_default().set("retryAfter", in_seconds(*retry_after));
            }
            ApiError::Gap { from, to } => {
                let gap = value!({ "from": from.to_string(), "to": to.to_string() });
                error.extensions.get_or_insert_default().set("gap", gap);
            }
            ApiError::Unauthenticated
            | ApiError::Forbidden
            | ApiError::NotFound(_)
            | ApiError::BadUserInput(_)
            | ApiError::InvalidInput(_)
            | ApiError::QueryTooComplex(_)
            | ApiError::Conflict
            | ApiError::Overloaded
            | ApiError::Busy(_) => {}
        }
    }
    response
}

/// An error of an unknown type.
#[derive(Debug, thiserror::Error)]
#[error("an error of an unknown type")]
struct UnknownCause;

#[cfg(test)]
mod tests;
