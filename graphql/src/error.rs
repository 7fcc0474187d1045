//! Errors of the API. A refusal by the domain is data in a payload, not an error; all other failures are
//! errors, each with `extensions.code` (API.md, Conventions).
//!
//! Resolvers return `Result<T, ApiError>`. [`finish`] converts failures into what clients see and logs each
//! fault once, without payloads, tokens or contacts.

use std::error::Error as StdError;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Response, value};
pub use document::error_code::{ErrorCode, set_code};
use domain::LogPosition;
use domain::access::Denied;
use domain::event::UnreadableEvent;
use event_store::log::{FindError, MAX_SCANNED_EVENTS};
use event_store::{FollowError, LogError, StoreError};
use projections::as_of::AsOfError;
use projections::why::ChangesError;
use projections::{ApplyError, HeavyError, WaitError};
use transparency::{SealError, TreeError};

use crate::inputs::InputError;
use event_store::chain;
use identity::accounts::second_factor::SecondFactorError;
use identity::accounts::{AttemptError, AuthError, PasswordError, ReleaseError};
use identity::clock::in_seconds;

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
    #[error(
        "cannot resume: what lies after {from} and up to {to} cannot be shown; begin anew, without after"
    )]
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
            Denied::NotFound => Self::NotFound("thing"),
        }
    }
}

/// Returns whether an SQLSTATE means that the database is unavailable: connection failure (08),
/// authentication (28), insufficient resources (53), shutdown or startup (57P), missing database (3D000),
/// missing tables (42P01: data removed or being restored), or a replica without writes (25006).
fn is_unavailable(code: &str) -> bool {
    ["08", "28", "53", "57P"].iter().any(|class| code.starts_with(class))
        || ["25006", "3D000", "42P01"].contains(&code)
}

/// Returns whether an SQLSTATE means that a retry of the statement may succeed: a rollback (40), an object or
/// lock in the wrong state (55), a cancelled statement (57) or a system failure (58).
fn is_transient(code: &str) -> bool {
    ["40", "55", "57", "58"].iter().any(|class| code.starts_with(class))
}

impl ApiError {
    /// Classifies a database failure; `cause` is written to the process's log.
    fn of_database(fault: &sqlx::Error, cause: Arc<dyn StdError + Send + Sync>) -> Self {
        let code = fault.as_database_error().and_then(|fault| fault.code()).unwrap_or_default();
        let away =
            |cause| Self::Unavailable("the database does not answer; try again".to_owned(), Some(cause));
        match fault {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => away(cause),
            // query_canceled: the statement timed out.
            sqlx::Error::Database(_) if code == "57014" => {
                let message = "the database took too long; ask for less, or try again".to_owned();
                Self::Unavailable(message, Some(cause))
            }
            sqlx::Error::Database(_) if is_unavailable(&code) => away(cause),
            // datetime_field_overflow: a request named a year out of PostgreSQL's range.
            sqlx::Error::Database(_) if code == "22008" => {
                Self::bad_input("an instant or a day that is too far away")
            }
            sqlx::Error::Database(_) if is_transient(&code) => Self::Internal(cause),
            sqlx::Error::Database(_)
            | sqlx::Error::ColumnDecode { .. }
            | sqlx::Error::ColumnIndexOutOfBounds { .. }
            | sqlx::Error::ColumnNotFound(_)
            | sqlx::Error::Decode(_)
            | sqlx::Error::Encode(_)
            | sqlx::Error::RowNotFound
            | sqlx::Error::TypeNotFound { .. } => Self::Permanent(cause),
            _ => Self::Internal(cause),
        }
    }
}

impl From<sqlx::Error> for ApiError {
    fn from(error: sqlx::Error) -> Self {
        let error = Arc::new(error);
        Self::of_database(&error, error.clone())
    }
}

impl From<LogError> for ApiError {
    fn from(error: LogError) -> Self {
        match error {
            LogError::Database(error) => error.into(),
            LogError::Unreadable { position, source } => Self::unreadable(position, source),
        }
    }
}

impl From<HeavyError> for ApiError {
    fn from(error: HeavyError) -> Self {
        match error {
            HeavyError::Busy => Self::Busy("too many heavy reads are under way; try again"),
            HeavyError::Database(error) => error.into(),
        }
    }
}

impl From<FindError> for ApiError {
    fn from(error: FindError) -> Self {
        let how = "give filter.streamId, or filter.afterPosition and filter.beforePosition, or filter.from and filter.to";
        match error {
            FindError::Log(error) => error.into(),
            FindError::Unbounded => Self::bad_input(format!(
                "filter: events are looked through one by one by kind, type, pizzeria, actor, command or request, at most \
                 {MAX_SCANNED_EVENTS} of them: {how}"
            )),
            FindError::TooWide { events } => Self::bad_input(format!(
                "filter: {events} events would be looked through one by one, and {MAX_SCANNED_EVENTS} may be: narrow it, {how}"
            )),
        }
    }
}

impl From<SealError> for ApiError {
    fn from(error: SealError) -> Self {
        match error {
            SealError::Database(error) => error.into(),
            SealError::Log(error) => error.into(),
            SealError::Tree(TreeError::NoSuchPart) => {
                Self::bad_input("there is no such position or size among what is sealed")
            }
            fault @ (SealError::Tree(TreeError::Tree(_))
            | SealError::Disagrees(_)
            | SealError::BadHead(_)
            | SealError::Missing(_)
            | SealError::Untrusted { .. }
            | SealError::Rewound { .. }
            | SealError::Late { .. }) => Self::permanent(fault),
        }
    }
}

impl From<FollowError> for ApiError {
    fn from(error: FollowError) -> Self {
        match error {
            FollowError::Log(error) => error.into(),
            FollowError::Rewound { from, to } => Self::Gap { from, to },
        }
    }
}

impl From<AsOfError> for ApiError {
    fn from(error: AsOfError) -> Self {
        match error {
            AsOfError::Database(error) | AsOfError::Apply(ApplyError::Database(error)) => error.into(),
            AsOfError::Log(error) | AsOfError::Apply(ApplyError::Log(error)) => error.into(),
            fault @ AsOfError::Apply(_) => Self::permanent(fault),
        }
    }
}

impl From<ChangesError> for ApiError {
    fn from(unknown: ChangesError) -> Self {
        match unknown {
            ChangesError::Unreadable { position, source } => Self::unreadable(position, source),
            ChangesError::TooFarApart => Self::QueryTooComplex(unknown.to_string()),
            ChangesError::Damaged => Self::permanent(unknown),
        }
    }
}

impl From<WaitError> for ApiError {
    fn from(error: WaitError) -> Self {
        Self::Unavailable("the read model is not there yet; try again".to_owned(), Some(Arc::new(error)))
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Arc::new(error).into()
    }
}

impl From<Arc<AuthError>> for ApiError {
    fn from(error: Arc<AuthError>) -> Self {
        match &*error {
            AuthError::Database(fault) => Self::of_database(fault, error.clone()),
            AuthError::UnknownAccount(_) | AuthError::Unreadable(_) => Self::Permanent(error),
        }
    }
}

impl From<AttemptError> for ApiError {
    fn from(error: AttemptError) -> Self {
        match error {
            AttemptError::TooMany(retry_after) => {
                Self::RateLimited { message: "too many attempts".to_owned(), retry_after }
            }
            AttemptError::Database(error) => error.into(),
        }
    }
}

impl From<SecondFactorError> for ApiError {
    fn from(error: SecondFactorError) -> Self {
        match error {
            SecondFactorError::Database(error) => error.into(),
            other @ (SecondFactorError::Sealed(_)
            | SecondFactorError::Codes
            | SecondFactorError::Encryption(_)) => Self::internal(other),
        }
    }
}

impl From<ReleaseError> for ApiError {
    fn from(error: ReleaseError) -> Self {
        match error {
            ReleaseError::Store(error) => error.into(),
            ReleaseError::Database(error) => error.into(),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Overloaded => Self::Overloaded,
            failed @ (PasswordError::StoredHash | PasswordError::Failed) => Self::internal(failed),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded => Self::Overloaded,
            StoreError::Conflict => Self::Conflict,
            StoreError::Unavailable(cause) => Self::Unavailable(
                "the database does not answer; try again with the same idempotency key".to_owned(),
                cause.map(|cause| Arc::new(cause) as Arc<dyn StdError + Send + Sync>),
            ),
            StoreError::Unreadable { position, source } => Self::unreadable(position, source),
            fault @ (StoreError::Foreign(_) | StoreError::Convert(_) | StoreError::Unsettled(_)) => {
                Self::permanent(fault)
            }
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
