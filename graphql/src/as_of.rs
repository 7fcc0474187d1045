//! The argument `asOf`: the point in the log that a query is about, carried by the objects of its result.

use async_graphql::{Context, OneofObject};
use chrono::{DateTime, Utc};
use domain::LogPosition;
use event_store::{LogEntry, log};
use projections::Model;
use projections::as_of::{self, AsOfError, PastError};

use crate::context::{ApiContext, Services};
use crate::error::ApiError;
use crate::scalars;

/// A point in the log: a position or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, OneofObject)]
pub enum AsOf {
    /// Right after the event at this position; 0 is before the first event. Fails with `BAD_USER_INPUT` for a
    /// position beyond the log's end.
    Position(scalars::Position),
    /// Right after the last event recorded at or before this time, by the database's clock. Fails with
    /// `BAD_USER_INPUT` for a time in the future.
    At(DateTime<Utc>),
}

/// The point in the log that an object is of. Objects of the past carry it, so that their fields are of the
/// same point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PointInTime {
    /// The position of the last event included.
    pub position: LogPosition,
    /// The time that counts as now: the given time, or the event's own time by the clock that decided it.
    pub now: DateTime<Utc>,
}

impl PointInTime {
    /// Resolves a query's point in time. `None` for the present, for which it waits until `models` include
    /// `at_least`; for the past they must include the resolved position.
    ///
    /// # Errors
    /// `BAD_USER_INPUT` for a position beyond the log's end, a time in the future, or both arguments
    /// together; `UNAVAILABLE` when a read model does not catch up in time.
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
            let message = "asOf: the past does not change; omit atLeastPosition";
            return Err(ApiError::bad_input(message));
        }
        let point = Self::find(services, as_of).await?;
        services.at_least(models, Some(scalars::Position(point.position))).await?;
        Ok(Some(point))
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
                    return Err(ApiError::bad_input("asOf.at: must not be in the future"));
                }
                Ok(Self { position: as_of::position_at(pool, at).await?, now: at })
            }
        }
    }
}

/// Returns when an event was decided: its own time by the edge's clock, otherwise the time of recording.
fn decided_at(entry: &LogEntry) -> DateTime<Utc> {
    #[derive(serde::Deserialize)]
    struct Timed {
        at: DateTime<Utc>,
    }
    let timed: Result<Timed, _> = serde_json::from_str(entry.payload().get());
    timed.map_or_else(|_| entry.recorded_at(), |timed| timed.at)
}

/// Returns the position of a past object.
pub fn position(point: Option<PointInTime>) -> Option<scalars::Position> {
    point.map(|point| scalars::Position(point.position))
}

/// Returns the time that counts as now for an object.
///
/// # Errors
/// `INTERNAL` when the schema was built without its services.
pub fn now(ctx: &Context<'_>, point: Option<PointInTime>) -> Result<DateTime<Utc>, ApiError> {
    point.map_or_else(|| ctx.now(), |point| Ok(point.now))
}

impl From<PastError> for ApiError {
    fn from(error: PastError) -> Self {
        match error {
            PastError::Busy => Self::Busy("too many lists of past states are being computed; try again"),
            PastError::TooMany { at_most } => Self::QueryTooComplex(format!(
                "asOf: more than {at_most} events would have to be replayed; query one pizzeria, fewer days, or one \
                 entity"
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
    fn names_the_limit_of_past_states_and_retries_when_busy() {
        let error = ApiError::from(PastError::TooMany { at_most: 50_000 });
        assert_eq!(error.code(), ErrorCode::QueryTooComplex);
        assert!(error.to_string().contains("50000 events") && error.to_string().contains("fewer days"));
        let error = ApiError::from(PastError::Busy);
        assert_eq!((error.code(), error.code().is_retryable()), (ErrorCode::Overloaded, true));
    }
}
