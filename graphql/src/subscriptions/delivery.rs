//! Deliveries: one with its courier's position, and those of a pizzeria that wait for a courier.

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
use super::progress::Progress;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::roles_directive::{requires, roles};
use crate::scalars;
use crate::types::courier_position::CourierPosition;
use crate::types::delivery::Delivery;

/// What became of a delivery, or where its courier is.
#[derive(Debug, Clone, SimpleObject)]
pub struct DeliveryUpdate {
    /// The log's position; resume with `after`.
    pub position: scalars::Position,
    /// The event's type, `DeliveryPickedUp`; none for the present state and for a courier's position.
    pub event: Option<String>,
    /// The delivery after it.
    pub delivery: Delivery,
    /// Where the courier is, when that is what is new, or known at the beginning.
    pub courier_position: Option<CourierPosition>,
}

impl Item for DeliveryUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Deliveries.
#[derive(Debug, Default)]
pub struct DeliverySubscription;

/// Deliveries.
#[Subscription]
impl DeliverySubscription {
    /// Every step of a delivery, and its courier's position while they are on their way. The first
    /// item is the present state; with `after`, the items are every step after that position instead,
    /// none twice. A courier's position is no event: it is shown as it is reported, and never again.
    #[graphql(directive = requires::apply(roles(Permission::ReadDelivery)))]
    async fn delivery_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery.")] id: ID,
        #[graphql(desc = "The position of the last item that was seen.")] after: Option<scalars::Position>,
    ) -> Result<impl Stream<Item = Result<DeliveryUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        caller.actor()?;
        let id = DeliveryId::required(&id, "id")?;
        let stream = StreamId::delivery(id);
        let base = Box::pin(start(services, after)).await?;
        // Before anything is loaded: what is reported from here on is not missed.
        let notices = services.follower.notices();
        let (state, version) = Box::pin(services.store.load(&stream)).await?;
        let at = At { state: Arc::new(state), version };
        let delivery = scheduled(&at).ok_or(ApiError::NotFound("delivery"))?;
        let scope = Scope::Own { customer: delivery.customer, pizzeria: &delivery.pizzeria };
        caller.authorize(Permission::ReadDelivery, scope)?;
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

    /// Deliveries of a pizzeria, whenever one begins to wait for a courier or waits no more. With
    /// `after`, also those since that position: at most 100,000 events of the log behind, and
    /// `BAD_USER_INPUT` with the gap in `extensions` beyond that.
    #[graphql(directive = requires::apply(roles(Permission::ListDeliveries)))]
    async fn ready_deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "The position of the last item that was seen.")] after: Option<scalars::Position>,
    ) -> Result<impl Stream<Item = Result<DeliveryUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        caller.actor()?;
        let pizzeria = PizzeriaId::required(&pizzeria_id, "pizzeriaId")?;
        caller.authorize(Permission::ListDeliveries, Scope::Pizzeria(&pizzeria))?;
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

/// Whether a report is of this delivery on its way, by the courier who has it.
fn under_way(at: &At, report: &Report) -> bool {
    scheduled(at).is_some_and(|delivery| {
        delivery.id.0 == report.delivery_id
            && matches!(delivery.progress, DeliveryProgress::PickedUp { courier } if courier.0 == report.courier_id)
    })
}

struct DeliveryView {
    id: DeliveryId,
    /// As the last item showed it.
    shown: At,
    fold: Fold<PgPool>,
}

impl DeliveryView {
    /// An item for what a courier has reported, if it is of this delivery.
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

/// The first item, events through the view, and reports of the courier's position between them: those
/// carry the position of the last event, and are not shown again to who resumes.
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
            // Being asked for more, whoever carries the items has taken those before.
            progress.pass(seen);
            loop {
                // Both can be left half-way without losing anything.
                let update = tokio::select! {
                    event = events.try_next() => {
                        let Some(event) = event? else { return Ok(None) };
                        seen = event.position;
                        view.update(&event).await?
                    }
                    notice = notices.recv() => match notice {
                        Ok(notice) => view.reported(&notice, seen),
                        // Positions are short-lived: the next one says more than those that were missed.
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

/// Watches nothing for long: a delivery's few events are folded when they matter.
struct ReadyView {
    pizzeria: PizzeriaId,
    fold: Fold<PgPool>,
}

/// Whether a delivery waits for a courier.
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
    /// Whether an event may begin or end the waiting of a delivery of this pizzeria.
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
        if !self.matters(&event.event) {
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
