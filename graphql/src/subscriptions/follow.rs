//! From the log to a subscriber: every event after a position, in order, once, through a view that
//! says what it shows. Ends after an error.

use std::sync::Arc;

use domain::{LogPosition, StreamId};
use event_store::{LogEntry, RecordedEvent, log};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use sqlx::PgPool;

use super::fold::At;
use super::progress::Progress;
use crate::context::Services;
use crate::error::ApiError;
use crate::scalars;

/// Events in the order of the log.
pub(super) type Events = BoxStream<'static, Result<Arc<RecordedEvent>, ApiError>>;

/// How many events of the whole log a subscription may be behind that has to look at all of them, or
/// to know the state as it was.
pub(super) const BEHIND: i64 = 100_000;

/// An item of a subscription.
pub(super) trait Item: Send + 'static {
    /// Where to resume after it.
    fn resume_after(&self) -> LogPosition;
}

/// What a subscription shows of the events that come by.
pub(super) trait View<E = Arc<RecordedEvent>>: Send + 'static {
    /// An item.
    type Update: Item;

    /// Takes in an event; none when there is nothing to show.
    fn update(&mut self, event: &E) -> impl Future<Output = Result<Option<Self::Update>, ApiError>> + Send;
}

/// Where a subscription begins: after the position that the caller has seen, or at the log's head.
///
/// # Errors
/// `BAD_USER_INPUT` with the gap for a position that the log has not reached: the log is not the one
/// that the caller has seen.
pub(super) async fn start(
    services: &Services,
    after: Option<scalars::Position>,
) -> Result<LogPosition, ApiError> {
    let Some(scalars::Position(after)) = after else { return Ok(log::head(&services.pool).await?) };
    // Most resume where the process is, or before: no need to ask.
    if after <= *services.follower.head().borrow() {
        return Ok(after);
    }
    let head = log::head(&services.pool).await?;
    if after > head { Err(ApiError::Gap { from: head, to: after }) } else { Ok(after) }
}

/// As [`start`], for what cannot be resumed from anywhere.
///
/// # Errors
/// As [`start`]; and `BAD_USER_INPUT` with the gap for a position too far behind.
pub(super) async fn start_near(
    services: &Services,
    after: Option<scalars::Position>,
) -> Result<LogPosition, ApiError> {
    let from = start(services, after).await?;
    let head = log::head(&services.pool).await?;
    if head.0 - from.0 > BEHIND { Err(ApiError::Gap { from, to: head }) } else { Ok(from) }
}

/// Every entry after a position, and as they are appended, whether this program can read it or not.
pub(super) fn all_entries(
    services: &Services,
    after: LogPosition,
) -> BoxStream<'static, Result<LogEntry, ApiError>> {
    services.follower.entries_after(after).map_err(ApiError::from).boxed()
}

/// Every event after a position, and as they are appended. Ends in an error at an event that this
/// program cannot read, when it is of a stream that is needed; the others are passed over.
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

/// The events of one stream after a position, and as they are appended, however far back the position is and whatever
/// else the log has recorded since. Nothing else that is appended wakes who waits for them: how far the log was looked
/// through, `progress` is told when it is asked.
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

/// What stands in the log.
pub(super) trait Recorded: Send + Sync + 'static {
    /// Where.
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

/// The first item, if there is one, and then what the view shows of events.
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
        // Being asked for more, whoever carries the items has taken those before.
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
