//! `asOf`: which point of the log a query is asked about, and what its answers carry of it.

use async_graphql::{Context, OneofObject};
use chrono::{DateTime, Utc};
use domain::LogPosition;
use event_store::{LogEntry, log};
use projections::Model;
use projections::as_of::{self, AsOfError, PastError};

use crate::context::{ApiContext, Services};
use crate::error::ApiError;
use crate::scalars;

/// A point of the log: one of its positions, or an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, OneofObject)]
pub enum AsOf {
    /// After the event at this position; 0 is before the first. One beyond the log's end is
    /// `BAD_USER_INPUT`.
    Position(scalars::Position),
    /// After the last event that was recorded at this instant or before, by the database's clock. One in the
    /// future is `BAD_USER_INPUT`.
    At(DateTime<Utc>),
}

/// The point of the log that an object is of; carried by what is shown of the past, so that all that is
/// below it is of the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Moment {
    /// After the event at this position.
    pub position: LogPosition,
    /// What counts as now: the instant asked for, else the time of the event by the clock that decided it.
    pub now: DateTime<Utc>,
}

impl Moment {
    /// The moment that a query asks about; none for the present, in which it waits for `models` to have come
    /// to `at_least`. In the past, they must have come to the moment.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a position beyond the log's end, an instant in the future, and both arguments at
    /// once; `UNAVAILABLE` when a read model is not there yet.
    pub async fn of(
        ctx: &Context<'_>,
        models: &[Model],
        as_of: Option<AsOf>,
        at_least: Option<scalars::Position>,
    ) -> Result<Option<Self>, ApiError> {
        let services = ctx.services()?;
        let Some(as_of) = as_of else {
            services.at_least(models, at_least).await?;
            return Ok(None);
        };
        if at_least.is_some() {
            let message = "asOf: the past does not change; leave atLeastPosition out";
            return Err(ApiError::bad_input(message));
        }
        let moment = Self::find(services, as_of).await?;
        services.at_least(models, Some(scalars::Position(moment.position))).await?;
        Ok(Some(moment))
    }

    async fn find(services: &Services, as_of: AsOf) -> Result<Self, ApiError> {
        let pool = &services.pool;
        match as_of {
            AsOf::Position(scalars::Position(position)) => {
                let before = LogPosition(position.0.saturating_sub(1));
                if position.0 <= 0 {
                    return Ok(Self { position: LogPosition::START, now: DateTime::UNIX_EPOCH });
                }
                let entry = log::read_after(pool, before, 1).await?.into_iter().next();
                let Some(entry) = entry.filter(|entry| entry.position() == position) else {
                    let head = log::head(pool).await?;
                    let message = format!("asOf.position: the log ends at {head}");
                    return Err(ApiError::bad_input(message));
                };
                Ok(Self { position, now: decided_at(&entry) })
            }
            AsOf::At(at) => {
                let future: bool =
                    sqlx::query_scalar("SELECT $1 > clock_timestamp()").bind(at).fetch_one(pool).await?;
                if future {
                    return Err(ApiError::bad_input("asOf.at: an instant in the future"));
                }
                Ok(Self { position: as_of::position_at(pool, at).await?, now: at })
            }
        }
    }
}

/// When an event was decided: its own time, which the edge's clock gave it; else when it was recorded.
fn decided_at(entry: &LogEntry) -> DateTime<Utc> {
    #[derive(serde::Deserialize)]
    struct Timed {
        at: DateTime<Utc>,
    }
    let timed: Result<Timed, _> = serde_json::from_str(entry.payload().get());
    timed.map_or_else(|_| entry.recorded_at(), |timed| timed.at)
}

/// The position that something is of, when it is of the past.
pub fn position(moment: Option<Moment>) -> Option<scalars::Position> {
    moment.map(|moment| scalars::Position(moment.position))
}

/// What counts as now for something: of the past, its moment.
///
/// # Errors
/// `INTERNAL` when the schema was built without its services.
pub fn now(ctx: &Context<'_>, moment: Option<Moment>) -> Result<DateTime<Utc>, ApiError> {
    moment.map_or_else(|| ctx.now(), |moment| Ok(moment.now))
}

impl From<PastError> for ApiError {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Busy => Self::Busy("too many lists of the past are being worked on; try again"),
            PastError::TooMany { at_most } => Self::QueryTooComplex(format!(
                "asOf: more than {at_most} events would have to be replayed for this; ask about one pizzeria, \
                 fewer days, or one thing"
            )),
            PastError::Page(error) => error.into(),
            PastError::Log(error) => error.into(),
            PastError::Apply(error) => AsOfError::Apply(error).into(),
            PastError::Database(error) => error.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;

    #[test]
    fn what_is_too_much_says_how_to_narrow_it_and_what_is_busy_may_be_tried_again() {
        let error = ApiError::from(PastError::TooMany { at_most: 50_000 });
        assert_eq!(error.code(), ErrorCode::QueryTooComplex);
        assert!(error.to_string().contains("50000 events") && error.to_string().contains("fewer days"));
        let error = ApiError::from(PastError::Busy);
        assert_eq!((error.code(), error.code().is_retryable()), (ErrorCode::Overloaded, true));
    }
}
