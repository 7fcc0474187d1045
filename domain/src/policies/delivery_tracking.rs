//! Passes a delivery's steps on to its order, at the time of the step. Pure: it never looks at a state.

use std::sync::Arc;

use crate::delivery::DeliveryEvent;
use crate::event::Event;
use crate::stream::StreamId;
use crate::usecase::{DeliveryStep, TrackDelivery, UseCase};

/// Answers a departure, a hand-over, a failure and a return with the order's own step.
pub fn follow(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    let event = match event {
        Event::Delivery(event) => event,
        Event::Order(_)
        | Event::Stock(_)
        | Event::Pizzeria(_)
        | Event::Menu(_)
        | Event::Staff(_)
        | Event::Customer(_)
        | Event::Closing(_) => return Vec::new(),
    };
    let (step, now) = match event {
        DeliveryEvent::DeliveryPickedUp { at, .. } => (DeliveryStep::PickedUp, *at),
        DeliveryEvent::DeliveryCompleted { at, .. } => (DeliveryStep::Completed, *at),
        DeliveryEvent::DeliveryFailed { reason, at, .. } => (DeliveryStep::Failed { reason: *reason }, *at),
        DeliveryEvent::DeliveryReturned { at } => (DeliveryStep::Returned, *at),
        DeliveryEvent::DeliveryScheduled { .. }
        | DeliveryEvent::DeliveryAssigned { .. }
        | DeliveryEvent::DeliveryUnassigned { .. }
        | DeliveryEvent::WrongCodeGiven { .. }
        | DeliveryEvent::DeliveryRetryScheduled { .. } => return Vec::new(),
    };
    let Ok(delivery) = stream.id.parse() else { return Vec::new() };
    vec![Arc::new(TrackDelivery { delivery, step, now })]
}
