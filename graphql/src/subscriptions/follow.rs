//! From the log to a subscriber: every event after a position, in order, once, through a view that
//! says what it shows. Ends after an error.

use domain::{LogPosition, StreamId};
use event_store::{RecordedEvent, log};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sqlx::PgPool;

use super::fold::At;
use crate::context::Services;
use crate::error::ApiError;
use crate::scalars;

/// What a subscription shows of the events that come by.
pub(super) trait View: Send + 'static {
    /// An item.
    type Update: Send + 'static;

    /// Takes in an event; none when there is nothing to show.
    fn update(
        &mut self,
        event: &RecordedEvent,
    ) -> impl Future<Output = Result<Option<Self::Update>, ApiError>> + Send;
}

/// Where a subscription begins: after the position that the caller has seen, or at the log's head.
///
/// # Errors
/// `BAD_USER_INPUT` for a position that the log has not reached.
pub(super) async fn start(
    services: &Services,
    after: Option<scalars::LogPosition>,
) -> Result<LogPosition, ApiError> {
    let head = log::head(&services.pool).await?;
    match after {
        Some(scalars::LogPosition(after)) if after > head => {
            Err(ApiError::bad_input(format!("after: the log has not reached {after}, it is at {head}")))
        }
        Some(scalars::LogPosition(after)) => Ok(after),
        None => Ok(head),
    }
}

/// The first item, if there is one, and then what the view shows of every event after a position.
pub(super) fn follow<V: View>(
    services: &Services,
    after: LogPosition,
    first: Option<V::Update>,
    view: V,
) -> impl Stream<Item = Result<V::Update, ApiError>> + use<V> {
    let events = services.follower.events_after(after).map_err(ApiError::from).boxed();
    let updates = stream::try_unfold((events, view), |(mut events, mut view)| async move {
        while let Some(event) = events.try_next().await? {
            if let Some(update) = view.update(&event).await? {
                return Ok(Some((update, (events, view))));
            }
        }
        Ok(None)
    });
    stream::iter(first.map(Ok)).chain(updates)
}

/// The position that a state is of, and that a subscriber may resume after: `base` was the log's head
/// before the state was loaded, and the state may hold events after it.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn position_of(
    pool: &PgPool,
    base: LogPosition,
    stream: &StreamId,
    at: &At,
) -> Result<LogPosition, ApiError> {
    let last = log::read_stream(pool, stream, at.version - 1, at.version).await?;
    Ok(last.last().map_or(base, |event| event.position.max(base)))
}
