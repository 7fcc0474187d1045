//! Schedules a delivery once an order for delivery is ready. Pure: it never looks at a state.

use std::sync::Arc;

use crate::event::Event;
use crate::stream::StreamId;
use crate::usecase::{ScheduleDelivery, UseCase};

/// Answers an order that awaits a courier with `scheduleDelivery`.
pub fn follow(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    // The order's id is in the stream's name, not in the event.
    let (Some(now), Ok(order)) = (event.facts().awaits_courier_at, stream.id.parse()) else {
        return Vec::new();
    };
    vec![Arc::new(ScheduleDelivery { order, now })]
}
