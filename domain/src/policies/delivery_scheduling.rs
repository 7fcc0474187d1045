//! An order to be delivered is ready: a delivery is scheduled. Pure; it never looks at a state.

use std::sync::Arc;

use crate::event::Event;
use crate::order::{Fulfilment, OrderEvent};
use crate::stream::StreamId;
use crate::usecase::{ScheduleDelivery, UseCase};

/// `OrderReady` of a delivery order asks for `scheduleDelivery`.
pub fn follow(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    let Event::Order(OrderEvent::OrderReady { fulfilment: Fulfilment::Delivery, at }) = event else {
        return Vec::new();
    };
    // The event leaves the order's id to its stream; a stream that names none has nothing to schedule.
    let Ok(order) = stream.id.parse() else { return Vec::new() };
    vec![Arc::new(ScheduleDelivery { order, now: *at })]
}
