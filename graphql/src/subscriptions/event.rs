//! The log itself, as it grows.

use std::num::NonZeroUsize;
use std::sync::Arc;

use async_graphql::{Context, SimpleObject, Subscription};
use domain::access::Permission;
use domain::delivery::DeliveryEvent;
use domain::ids::PizzeriaId;
use domain::order::OrderEvent;
use domain::staff::StaffEvent;
use domain::{Event as DomainEvent, StreamId, StreamType};
use event_store::{RecordedEvent, log};
use futures_util::Stream;
use lru::LruCache;
use sqlx::PgPool;

use super::follow::{View, all_events, follow, start};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::queries::log::{EventFilter, event_filter};
use crate::requires::{requires, roles};
use crate::scalars;
use crate::types::event::Event;

/// Streams whose pizzeria is remembered: as many as have events at about the same time.
const REMEMBERED: NonZeroUsize = NonZeroUsize::MIN.saturating_add(9_999);

/// An event that was appended.
#[derive(Debug, Clone, SimpleObject)]
pub struct EventUpdate {
    /// The log's position; resume with `after`.
    pub position: scalars::LogPosition,
    /// The event.
    pub event: Event,
}

/// The log.
#[derive(Debug, Default)]
pub struct EventSubscription;

/// The log.
#[Subscription]
impl EventSubscription {
    /// Every event that is appended, and that the filter lets through; with `after`, also those since
    /// that position. Managers see those of their own pizzeria.
    #[graphql(directive = requires::apply(roles(Permission::ReadEvents)))]
    async fn event_appended(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which events.")] filter: Option<EventFilter>,
        #[graphql(desc = "The position of the last item that was seen.")] after: Option<scalars::LogPosition>,
    ) -> Result<impl Stream<Item = Result<EventUpdate, ApiError>> + use<>, ApiError> {
        let services = ctx.services()?;
        let filter = event_filter(ctx, filter.unwrap_or_default())?;
        let base = start(services, after).await?;
        let view = EventView { filter, pool: services.pool.clone(), places: LruCache::new(REMEMBERED) };
        Ok(follow(all_events(services, base), None, view))
    }
}

struct EventView {
    filter: log::EventFilter,
    pool: PgPool,
    /// Where streams belong: it never changes.
    places: LruCache<StreamId, Option<PizzeriaId>>,
}

impl View for EventView {
    type Update = EventUpdate;

    async fn update(&mut self, event: &RecordedEvent) -> Result<Option<EventUpdate>, ApiError> {
        if !lets_through(&self.filter, event) {
            return Ok(None);
        }
        if let Some(wanted) = &self.filter.pizzeria {
            let wanted = wanted.clone();
            if self.place_of(event).await?.as_ref() != Some(&wanted) {
                return Ok(None);
            }
        }
        let position = scalars::LogPosition(event.position);
        Ok(Some(EventUpdate { position, event: Event(Arc::new(event.clone())) }))
    }
}

impl EventView {
    /// The pizzeria of an event's stream: its own name says it, or its first event.
    async fn place_of(&mut self, event: &RecordedEvent) -> Result<Option<PizzeriaId>, ApiError> {
        match event.stream.kind {
            StreamType::Stock | StreamType::Pizzeria => return Ok(event.stream.id.parse().ok()),
            // The group's, and people who belong to no pizzeria.
            StreamType::Menu | StreamType::Customer => return Ok(None),
            StreamType::Order | StreamType::Delivery | StreamType::Staff => {}
        }
        if event.sequence > 1
            && let Some(place) = self.places.get(&event.stream)
        {
            return Ok(place.clone());
        }
        let place = if event.sequence == 1 {
            place_in(&event.event)
        } else {
            let first = log::read_stream(&self.pool, &event.stream, 0, 1).await?;
            first.first().and_then(|first| place_in(&first.event))
        };
        self.places.put(event.stream.clone(), place.clone());
        Ok(place)
    }
}

/// The pizzeria that the first event of a stream names.
fn place_in(first: &DomainEvent) -> Option<PizzeriaId> {
    match first {
        DomainEvent::Order(OrderEvent::OrderPlaced { placement, .. }) => Some(placement.pizzeria.clone()),
        DomainEvent::Order(OrderEvent::OrderRefused { pizzeria, .. })
        | DomainEvent::Delivery(DeliveryEvent::DeliveryScheduled { pizzeria, .. }) => Some(pizzeria.clone()),
        DomainEvent::Staff(StaffEvent::StaffHired { pizzeria, .. }) => pizzeria.clone(),
        // No first event of the streams that are asked for.
        DomainEvent::Order(_)
        | DomainEvent::Delivery(_)
        | DomainEvent::Staff(_)
        | DomainEvent::Stock(_)
        | DomainEvent::Pizzeria(_)
        | DomainEvent::Menu(_)
        | DomainEvent::Customer(_) => None,
    }
}

/// Whether a filter lets an event through, but for its pizzeria.
fn lets_through(filter: &log::EventFilter, event: &RecordedEvent) -> bool {
    let log::EventFilter {
        stream,
        kinds,
        types,
        pizzeria: _,
        actor,
        command,
        correlation_id,
        from,
        to,
        after,
        before,
    } = filter;
    stream.as_ref().is_none_or(|stream| *stream == event.stream)
        && (kinds.is_empty() || kinds.contains(&event.stream.kind))
        && (types.is_empty() || types.contains(&event.event_type))
        && actor.is_none_or(|actor| actor == event.metadata.actor)
        && command.as_ref().is_none_or(|command| *command == event.metadata.command)
        && correlation_id.as_ref().is_none_or(|id| *id == event.metadata.correlation_id)
        && from.is_none_or(|from| event.recorded_at >= from)
        && to.is_none_or(|to| event.recorded_at < to)
        && after.is_none_or(|after| event.position > after)
        && before.is_none_or(|before| event.position < before)
}
