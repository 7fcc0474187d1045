//! Lets orders catch up with steps of their delivery that release 0.1 stored alone. Every step since is decided with the
//! order's, in one transaction. To be removed once no process of release 0.1 can run. Pure: it never looks at a state.

use std::sync::Arc;

use crate::delivery::DeliveryEvent;
use crate::event::Event;
use crate::stream::StreamId;
use crate::usecase::{CatchUpWithDelivery, UseCase};

/// Answers a departure, a hand-over, a failure or a return that is not joint.
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
    let is_alone = match event {
        DeliveryEvent::DeliveryPickedUp { joint, .. }
        | DeliveryEvent::DeliveryCompleted { joint, .. }
        | DeliveryEvent::DeliveryFailed { joint, .. }
        | DeliveryEvent::DeliveryReturned { joint, .. } => !joint,
        DeliveryEvent::DeliveryScheduled { .. }
        | DeliveryEvent::DeliveryAssigned { .. }
        | DeliveryEvent::DeliveryUnassigned { .. }
        | DeliveryEvent::WrongCodeGiven { .. }
        | DeliveryEvent::DeliveryRetryScheduled { .. } => false,
    };
    match stream.id.parse() {
        Ok(delivery) if is_alone => vec![Arc::new(CatchUpWithDelivery { delivery })],
        Ok(_) | Err(_) => Vec::new(),
    }
}
