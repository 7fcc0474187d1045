//! Subscriptions to one delivery with its courier's position, and to a pizzeria's deliveries that wait for a
//! courier.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject, Subscription};
use domain::access::{Permission, Scope};
use domain::delivery::{DeliveryEvent, DeliveryProgress, ScheduledDelivery};
use domain::ids::{DeliveryId, PizzeriaId};
use domain::{AggregateState, Event, LogPosition, StreamId, StreamType};
use event_store::{Notice, RecordedEvent};
use futures_util::{Stream, StreamExt, TryStreamExt, stream};
use projections::courier_positions::{self, Report};
use sqlx::PgPool;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

use super::fold::{At, Fold};
use super::follow::{Events, Item, View, all_events, events_of, follow, position_of, start, start_near};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::field_guard::subscriber;
use crate::ids::GlobalId;
use crate::progress::Progress;
use crate::scalars;
use crate::types::courier_position::CourierPosition;
use crate::types::delivery::Delivery;

/// A change of a delivery, or its courier's new position.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct DeliveryUpdate {
    /// The log position; pass it as `after` to resume.
    pub position: scalars::Position,
    /// The event type, such as `DeliveryPickedUp`; `null` for the present state and for a courier's position.
    pub event: Option<String>,
    /// The delivery after the event.
    pub delivery: Delivery,
    /// The courier's position, if it is new, or known at the start.
    pub courier_position: Option<CourierPosition>,
}

impl Item for DeliveryUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to deliveries.
#[derive(Debug, Default)]
pub struct DeliverySubscription;

/// Subscriptions to deliveries.
#[Subscription]
impl DeliverySubscription {
    /// Every event of a delivery, and its courier's position while out with it. The first item is the present
    /// state; with `after`, the items start with the first event after that position, each exactly once. A
    /// courier's position is not an event: it is delivered once and cannot be resumed.
    #[graphql(directive = requires::apply(Permission::ReadDelivery))]
    async fn delivery_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery's id.")] id: ID,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<DeliveryUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, subscriber(ctx)?);
        let id = DeliveryId::required(&id, "id")?;
        let stream = StreamId::delivery(id);
        let base = Box::pin(start(services, after)).await?;
        // Subscribes before loading, so that no report is missed.
        let notices = services.follower.notices();
        let (state, version) = Box::pin(services.store.load(&stream)).await?;
        let at = At { state: Arc::new(state), version };
        let delivery = scheduled(&at).ok_or(ApiError::NotFound("delivery"))?;
        let scope = Scope::Own { customer: delivery.customer, pizzeria: &delivery.pizzeria };
        caller.reach(scope)?;
        let mut view = DeliveryView { id, shown: at.clone(), fold: Fold::over(services.pool.clone()) };
        let first = match after {
            Some(_) => None,
            None => {
                let position = Box::pin(position_of(&services.pool, base, &stream, &at)).await?;
                let latest = Box::pin(courier_positions::latest(&services.pool, &[id])).await?;
                let report = latest.into_iter().next().filter(|report| under_way(&at, report));
                view.fold.track(stream.clone(), at.clone());
                update_of(&at, position, None, report)
            }
        };
        let progress = Progress::of(ctx);
        let events = events_of(services, stream, base, &progress);
        Ok(with_positions(progress, base, events, notices, first, view))
    }

    /// Deliveries of a pizzeria whenever one starts or stops waiting for a courier. With `after`, also the
    /// changes since that position, at most 100,000 events of the log back; beyond that the subscription
    /// fails with `BAD_USER_INPUT` and the gap in `extensions`.
    #[graphql(directive = requires::apply(Permission::ListDeliveries))]
    async fn ready_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<DeliveryUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, subscriber(ctx)?);
        let pizzeria = PizzeriaId::required(&pizzeria_id, "pizzeriaId")?;
        caller.reach(Scope::Pizzeria(&pizzeria))?;
        Box::pin(super::opened(services, &pizzeria)).await?;
        let base = Box::pin(start_near(services, after)).await?;
        let view = ReadyView { pizzeria, fold: Fold::over(services.pool.clone()) };
        Ok(follow(
            Progress::of(ctx),
            base,
            all_events(services, base, |stream| stream.kind == StreamType::Delivery),
            None,
            view,
        ))
    }
}

fn scheduled(at: &At) -> Option<&ScheduledDelivery> {
    match &*at.state {
        AggregateState::Delivery(delivery) => delivery.scheduled(),
        _ => None,
    }
}

fn update_of(
    at: &At,
    position: LogPosition,
    event: Option<&RecordedEvent>,
    report: Option<Report>,
) -> Option<DeliveryUpdate> {
    let AggregateState::Delivery(delivery) = &*at.state else { return None };
    Some(DeliveryUpdate {
        position: scalars::Position(position),
        event: event.map(|event| event.event_type.clone()),
        delivery: Delivery::of(delivery, at.version, position)?,
        courier_position: report.map(Into::into),
    })
}

/// Returns whether a report is by the delivery's courier, while out with it.
fn under_way(at: &At, report: &Report) -> bool {
    scheduled(at).is_some_and(|delivery| {
        delivery.id.0 == report.delivery_id
            && matches!(delivery.progress, DeliveryProgress::PickedUp { courier } if courier.0 == report.courier_id)
    })
}

struct DeliveryView {
    id: DeliveryId,
    /// The state in the last item.
    shown: At,
    fold: Fold<PgPool>,
}

impl DeliveryView {
    /// Returns the item of a courier's report, if it concerns this delivery.
    fn reported(&self, notice: &Notice, seen: LogPosition) -> Option<DeliveryUpdate> {
        let report = match notice {
            Notice::Said { channel, payload } if channel == courier_positions::CHANNEL => {
                serde_json::from_str::<Report>(payload).ok()?
            }
            Notice::Said { .. } | Notice::Interrupted => return None,
        };
        if under_way(&self.shown, &report) { update_of(&self.shown, seen, None, Some(report)) } else { None }
    }
}

impl View for DeliveryView {
    type Update = DeliveryUpdate;

    async fn update(&mut self, event: &Arc<RecordedEvent>) -> Result<Option<DeliveryUpdate>, ApiError> {
        if event.stream != StreamId::delivery(self.id) {
            return Ok(None);
        }
        let Some(step) = self.fold.apply(event).await? else { return Ok(None) };
        self.shown = step.after;
        Ok(update_of(&self.shown, event.position, Some(event), None))
    }
}

/// Streams the first item, then events through the view, merged with reports of the courier's position. A
/// report carries the position of the last event and is not repeated to a resuming client.
fn with_positions(
    progress: Progress,
    base: LogPosition,
    events: Events,
    notices: broadcast::Receiver<Notice>,
    first: Option<DeliveryUpdate>,
    view: DeliveryView,
) -> impl Stream<Item = Result<DeliveryUpdate, ApiError>> {
    let begun = progress.clone();
    let first = first.map(move |first| {
        begun.show(first.resume_after());
        Ok(first)
    });
    let state = (events, notices, view, progress, base);
    let updates =
        stream::try_unfold(state, |(mut events, mut notices, mut view, progress, mut seen)| async move {
            // Being polled means that the transport has taken the previous items.
            progress.pass(seen);
            loop {
                // Both futures can be dropped without losing data.
                let update = tokio::select! {
                    event = events.try_next() => {
                        let Some(event) = event? else { return Ok(None) };
                        seen = event.position;
                        view.update(&event).await?
                    }
                    notice = notices.recv() => match notice {
                        Ok(notice) => view.reported(&notice, seen),
                        // Missed positions are outdated by the next one.
                        Err(RecvError::Lagged(_)) => None,
                        Err(RecvError::Closed) => return Ok(None),
                    },
                };
                match update {
                    Some(update) => {
                        progress.show(update.resume_after());
                        return Ok(Some((update, (events, notices, view, progress, seen))));
                    }
                    None => progress.pass(seen),
                }
            }
        });
    stream::iter(first).chain(updates)
}

/// Keeps no states: a delivery's few events are folded when needed.
struct ReadyView {
    pizzeria: PizzeriaId,
    fold: Fold<PgPool>,
}

/// Returns whether a delivery waits for a courier.
fn waits(at: &At) -> bool {
    scheduled(at).is_some_and(|delivery| match delivery.progress {
        DeliveryProgress::Scheduled | DeliveryProgress::RetryScheduled { courier: None } => true,
        DeliveryProgress::Assigned { .. }
        | DeliveryProgress::PickedUp { .. }
        | DeliveryProgress::Delivered { .. }
        | DeliveryProgress::Failed { .. }
        | DeliveryProgress::RetryScheduled { courier: Some(_) }
        | DeliveryProgress::Returned { .. } => false,
    })
}

impl ReadyView {
    /// Returns whether an event may start or end the waiting of a delivery of this pizzeria.
    fn matters(&self, event: &Event) -> bool {
        match event {
            Event::Delivery(event) => match event {
                DeliveryEvent::DeliveryScheduled { pizzeria, .. } => *pizzeria == self.pizzeria,
                DeliveryEvent::DeliveryAssigned { .. }
                | DeliveryEvent::DeliveryUnassigned { .. }
                | DeliveryEvent::DeliveryRetryScheduled { .. }
                | DeliveryEvent::DeliveryReturned { .. } => true,
                DeliveryEvent::DeliveryPickedUp { .. }
                | DeliveryEvent::WrongCodeGiven { .. }
                | DeliveryEvent::DeliveryCompleted { .. }
                | DeliveryEvent::DeliveryFailed { .. } => false,
            },
            Event::Order(_)
            | Event::Stock(_)
            | Event::Pizzeria(_)
            | Event::Menu(_)
            | Event::Staff(_)
            | Event::Customer(_)
            | Event::Closing(_) => false,
        }
    }
}

impl View for ReadyView {
    type Update = DeliveryUpdate;

    async fn update(&mut self, event: &Arc<RecordedEvent>) -> Result<Option<DeliveryUpdate>, ApiError> {
        if !event.events.iter().any(|event| self.matters(event)) {
            return Ok(None);
        }
        let Some(step) = self.fold.apply(event).await? else { return Ok(None) };
        let here = scheduled(&step.after).is_some_and(|delivery| delivery.pizzeria == self.pizzeria);
        let (was, is) = (waits(&step.before), waits(&step.after));
        if !(here && is) {
            self.fold.forget(&event.stream);
        }
        if here && was != is {
            Ok(update_of(&step.after, event.position, Some(event), None))
        } else {
            Ok(None)
        }
    }
}
