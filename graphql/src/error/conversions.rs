//! Conversions of the failures of stores, logs and accounts into errors of the API.

use std::error::Error as StdError;
use std::sync::Arc;

use event_store::log::{FindError, MAX_SCANNED_EVENTS};
use event_store::{FollowError, LogError, StoreError};
use identity::accounts::second_factor::SecondFactorError;
use identity::accounts::{AttemptError, AuthError, PasswordError, ReleaseError};
use projections::as_of::AsOfError;
use projections::why::ChangesError;
use projections::{ApplyError, HeavyError, WaitError};
use transparency::{SealError, TreeError};

use super::ApiError;

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
                let message = "the database took too long; request less data, or try again".to_owned();
                Self::Unavailable(message, Some(cause))
            }
            sqlx::Error::Database(_) if is_unavailable(&code) => away(cause),
            // datetime_field_overflow: a request named a year out of PostgreSQL's range.
            sqlx::Error::Database(_) if code == "22008" => {
                Self::bad_input("a time or a date is out of range")
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
            HeavyError::Busy => Self::Busy("too many heavy queries are running; try again"),
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
                "filter: a condition on kind, type, pizzeria, actor, command or request checks at most {MAX_SCANNED_EVENTS} \
                 events: {how}"
            )),
            FindError::TooWide { events } => Self::bad_input(format!(
                "filter: {events} events would be checked, at most {MAX_SCANNED_EVENTS} are allowed: {how}"
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
                Self::bad_input("the position or the size is not sealed")
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
        Self::Unavailable(
            "the read model has not reached the position yet; try again".to_owned(),
            Some(Arc::new(error)),
        )
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
