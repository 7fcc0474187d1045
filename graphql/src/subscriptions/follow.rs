//! Streams log events to a subscriber: every event after a position, in order, exactly once, through a view
//! that builds the items. Ends after an error.

use std::sync::Arc;

use domain::{LogPosition, StreamId};
use event_store::{LogEntry, RecordedEvent, log};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sqlx::PgPool;

use super::fold::At;
use crate::context::Services;
use crate::error::ApiError;
use crate::progress::Progress;
use crate::scalars;

/// Events in log order.
pub(super) type Events = BoxStream<'static, Result<Arc<RecordedEvent>, ApiError>>;

/// Upper bound on the events of the whole log that a subscription reads when it resumes, if it must check
/// them all or rebuild a past state.
pub(super) const RESUME_EVENTS_MAX: i64 = 100_000;

/// An item of a subscription.
pub(super) trait Item: Send + 'static {
    /// Returns the position after which to resume.
    fn resume_after(&self) -> LogPosition;
}

/// Builds a subscription's items from events.
pub(super) trait View<E = Arc<RecordedEvent>>: Send + 'static {
    /// The type of its items.
    type Update: Item;

    /// Applies an event; `None` when it yields no item.
    fn update(&mut self, event: &E) -> impl Future<Output = Result<Option<Self::Update>, ApiError>> + Send;
}

/// Returns the position after which a subscription starts: the caller's last position, or the log's head.
///
/// # Errors
/// `BAD_USER_INPUT` with the gap for a position beyond the log's head: the caller has seen another log.
pub(super) async fn start(
    services: &Services,
    after: Option<scalars::Position>,
) -> Result<LogPosition, ApiError> {
    let Some(scalars::Position(after)) = after else { return Ok(log::head(&services.pool).await?) };
    // Most subscribers resume at or before this process's head: no query needed.
    if after <= *services.follower.head().borrow() {
        return Ok(after);
    }
    let head = log::head(&services.pool).await?;
    if after > head { Err(ApiError::Gap { from: head, to: after }) } else { Ok(after) }
}

/// Returns the position as [`start`] does, for subscriptions that resume only from a recent position.
///
/// # Errors
/// As [`start`]; and `BAD_USER_INPUT` with the gap for a position too far back.
pub(super) async fn start_near(
    services: &Services,
    after: Option<scalars::Position>,
) -> Result<LogPosition, ApiError> {
    let from = start(services, after).await?;
    let head = log::head(&services.pool).await?;
    if head.0 - from.0 > RESUME_EVENTS_MAX { Err(ApiError::Gap { from, to: head }) } else { Ok(from) }
}

/// Streams every entry after a position, then new entries, including those of unknown types.
pub(super) fn all_entries(
    services: &Services,
    after: LogPosition,
) -> BoxStream<'static, Result<LogEntry, ApiError>> {
    services.follower.entries_after(after).map_err(ApiError::from).boxed()
}

/// Streams every event after a position, then new events. An unreadable event of a needed stream ends it with
/// an error; others are skipped.
pub(super) fn all_events(
    services: &Services,
    after: LogPosition,
    needed: impl Fn(&StreamId) -> bool + Send + 'static,
) -> Events {
    let events = all_entries(services, after).try_filter_map(move |entry| {
        std::future::ready(match entry {
            LogEntry::Event(event) => Ok(Some(event)),
            LogEntry::Unreadable(record) if record.stream().is_some_and(|stream| needed(&stream)) => {
                Err(record.error().into())
            }
            LogEntry::Unreadable(_) => Ok(None),
        })
    });
    events.boxed()
}

/// Streams the events of one stream after a position, then new events. Other streams' events do not wake it;
/// `progress` learns on request how far the log was searched.
pub(super) fn events_of(
    services: &Services,
    stream: StreamId,
    after: LogPosition,
    progress: &Progress,
) -> Events {
    let feed = services.follower.stream_after(stream, after);
    progress.is_idle_by(feed.idle());
    let events = stream::try_unfold(feed, |mut feed| async move {
        let entry = feed.next().await?;
        Ok::<_, ApiError>(Some((entry.readable()?, feed)))
    });
    events.boxed()
}

/// An entry with a position in the log.
pub(super) trait Recorded: Send + Sync + 'static {
    /// Returns the position.
    fn position(&self) -> LogPosition;
}

impl Recorded for Arc<RecordedEvent> {
    fn position(&self) -> LogPosition {
        self.position
    }
}

impl Recorded for LogEntry {
    fn position(&self) -> LogPosition {
        LogEntry::position(self)
    }
}

/// Streams the first item, if any, then the view's items.
pub(super) fn follow<E: Recorded, V: View<E>>(
    progress: Progress,
    base: LogPosition,
    events: BoxStream<'static, Result<E, ApiError>>,
    first: Option<V::Update>,
    view: V,
) -> impl Stream<Item = Result<V::Update, ApiError>> + use<E, V> {
    let begun = progress.clone();
    let first = first.map(move |first| {
        begun.show(first.resume_after());
        Ok(first)
    });
    let state = (events, view, progress, base);
    let updates = stream::try_unfold(state, |(mut events, mut view, progress, mut last)| async move {
        // Being polled means that the transport has taken the previous items.
        progress.pass(last);
        while let Some(event) = events.try_next().await? {
            last = event.position();
            if let Some(update) = view.update(&event).await? {
                progress.show(update.resume_after());
                return Ok(Some((update, (events, view, progress, last))));
            }
            progress.pass(last);
        }
        Ok(None)
    });
    stream::iter(first).chain(updates)
}

/// Returns the position of a state after which a subscriber may resume: `base` was the log's head before the
/// state was loaded, and the state may include later events.
///
/// # Errors
/// Fails when the database does not answer.
pub(super) async fn position_of(
    pool: &PgPool,
    base: LogPosition,
    stream: &StreamId,
    at: &At,
) -> Result<LogPosition, ApiError> {
    let last = log::read_stream(pool, stream, at.version - 1, at.version).await?;
    Ok(last.last().map_or(base, |event| event.position.max(base)))
}
