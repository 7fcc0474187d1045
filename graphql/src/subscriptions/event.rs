//! Subscription to the log's new events.

use async_graphql::{Context, SimpleObject, Subscription};
use domain::access::Permission;
use domain::ids::PizzeriaId;
use domain::{EventType, LogPosition, StreamId, StreamType};
use event_store::{LogEntry, log};
use futures_util::Stream;
use lru::LruCache;
use serde::Deserialize;
use serde_json::value::RawValue;
use sqlx::PgPool;

use super::follow::{Item, View, all_entries, follow, start};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::field_guard::subscriber;
use crate::progress::Progress;
use crate::scalars;
use crate::types::event::Event;
use crate::types::event_filter::{EventFilter, event_filter};

/// Capacity of the cache of streams' pizzerias: streams with events at about the same time.
const CACHED_STREAMS_MAX: usize = 10_000;

/// An appended event.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct EventUpdate {
    /// The log position; pass it as `after` to resume.
    pub position: scalars::Position,
    /// The event.
    pub event: Event,
}

impl Item for EventUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to the log.
#[derive(Debug, Default)]
pub struct EventSubscription;

/// Subscriptions to the log.
#[Subscription]
impl EventSubscription {
    /// Every appended event that matches the filter; with `after`, also the events since that position.
    /// Managers see events of their own pizzeria.
    #[graphql(directive = requires::apply(Permission::ReadEvents))]
    async fn event_appended(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only events that match.")] filter: Option<EventFilter>,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<EventUpdate, ApiError>> + use<>, ApiError> {
        let services = ctx.services()?;
        subscriber(ctx)?;
        let filter = event_filter(ctx, filter.unwrap_or_default())?;
        let base = start(services, after).await?;
        let view = EventView { filter, pool: services.pool.clone(), places: LruCache::unbounded() };
        Ok(follow(Progress::of(ctx), base, all_entries(services, base), None, view))
    }
}

struct EventView {
    filter: log::EventFilter,
    pool: PgPool,
    /// The pizzeria of each stream; it changes only by an event. Unbounded `LruCache`, since a bounded one
    /// allocates its capacity for every subscriber.
    places: LruCache<StreamId, Option<PizzeriaId>>,
}

impl View<LogEntry> for EventView {
    type Update = EventUpdate;

    async fn update(&mut self, entry: &LogEntry) -> Result<Option<EventUpdate>, ApiError> {
        if !lets_through(&self.filter, entry) {
            return Ok(None);
        }
        if let Some(wanted) = &self.filter.pizzeria {
            let wanted = wanted.clone();
            if self.place_of(entry).await?.as_ref() != Some(&wanted) {
                return Ok(None);
            }
        }
        let position = scalars::Position(entry.position());
        Ok(Some(EventUpdate { position, event: Event(entry.clone()) }))
    }
}

impl EventView {
    /// Returns the pizzeria of an entry's stream: from its name, its first event or, for a member of staff,
    /// the last event that posted them.
    async fn place_of(&mut self, entry: &LogEntry) -> Result<Option<PizzeriaId>, ApiError> {
        // The pizzeria of an unknown kind of stream is unknown too.
        let Some(stream) = entry.stream() else { return Ok(None) };
        match stream.kind {
            StreamType::Stock | StreamType::Pizzeria | StreamType::Closing => {
                return Ok(stream.id.parse().ok());
            }
            // Streams of the group and of people without a pizzeria.
            StreamType::Menu | StreamType::Customer => return Ok(None),
            StreamType::Order | StreamType::Delivery | StreamType::Staff => {}
        }
        let posted = entry.event_type().parse().is_ok_and(EventType::posts_staff);
        if entry.sequence() > 1
            && !posted
            && let Some(place) = self.places.get(&stream)
        {
            return Ok(place.clone());
        }
        let place = if entry.sequence() == 1 || posted {
            place_in(entry.payload())
        } else if stream.kind == StreamType::Staff
            && let Some(place) = log::posting_at(&self.pool, &stream, entry.position()).await?
        {
            place
        } else {
            let streams = std::slice::from_ref(&stream);
            let first = log::histories(&self.pool, streams, LogPosition::START, 1).await?;
            first.first().and_then(|first| place_in(first.payload()))
        };
        self.places.put(stream, place.clone());
        if self.places.len() > CACHED_STREAMS_MAX {
            self.places.pop_lru();
        }
        Ok(place)
    }
}

/// Reads the pizzeria from the first event of a stream.
fn place_in(first: &RawValue) -> Option<PizzeriaId> {
    /// The part of such an event that names its pizzeria.
    #[derive(Deserialize)]
    struct Placed {
        pizzeria: Option<PizzeriaId>,
        placement: Option<Box<Placed>>,
    }
    let placed: Placed = serde_json::from_str(first.get()).ok()?;
    placed.placement.and_then(|placement| placement.pizzeria).or(placed.pizzeria)
}

/// Returns whether a filter matches an event, without its condition on the pizzeria.
fn lets_through(filter: &log::EventFilter, entry: &LogEntry) -> bool {
    let log::EventFilter {
        stream,
        kinds,
        types,
        pizzeria: _,
        actor,
        command,
        correlation_ids,
        from,
        to,
        after,
        before,
    } = filter;
    let own = entry.stream();
    let metadata = entry.metadata().ok();
    stream.as_ref().is_none_or(|stream| own.as_ref() == Some(stream))
        && (kinds.is_empty() || own.as_ref().is_some_and(|own| kinds.contains(&own.kind)))
        && (types.is_empty() || types.iter().any(|name| name == entry.event_type()))
        && actor.is_none_or(|actor| metadata.is_some_and(|metadata| metadata.actor == actor))
        && command.as_ref().is_none_or(|name| metadata.is_some_and(|metadata| metadata.command == *name))
        && (correlation_ids.is_empty()
            || metadata.is_some_and(|metadata| correlation_ids.contains(&metadata.correlation_id)))
        && from.is_none_or(|from| entry.recorded_at() >= from)
        && to.is_none_or(|to| entry.recorded_at() < to)
        && after.is_none_or(|after| entry.position() > after)
        && before.is_none_or(|before| entry.position() < before)
}
