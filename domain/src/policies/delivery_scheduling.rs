//! An order to be delivered is ready: a delivery is scheduled. Pure; it never looks at a state.

use std::sync::Arc;

use crate::event::Event;
use crate::order::{Fulfilment, OrderEvent};
use crate::stream::StreamId;
use crate::usecase::{ScheduleDelivery, UseCase};

/// `OrderReady` of a delivery order asks for `scheduleDelivery`.
pub fn follow(stream: &StreamId, event: &Event) -> Vec<Arc<dyn UseCase>> {
    let now = match event {
        Event::Order(OrderEvent::OrderReady { fulfilment, at }) => match fulfilment {
            Fulfilment::Delivery => *at,
            Fulfilment::Takeaway | Fulfilment::OnSite => return Vec::new(),
        },
        Event::Order(
            OrderEvent::OrderPlaced { .. }
            | OrderEvent::OrderRefused { .. }
            | OrderEvent::OrderLinesChanged { .. }
            | OrderEvent::OrderCancelled { .. }
            | OrderEvent::OrderExpired { .. }
            | OrderEvent::PaymentAuthorised { .. }
            | OrderEvent::PaymentCaptured { .. }
            | OrderEvent::PaymentDeclined { .. }
            | OrderEvent::PaymentRefunded { .. }
            | OrderEvent::PreparationStarted { .. }
            | OrderEvent::ItemBaked { .. }
            | OrderEvent::OrderHandedOver { .. }
            | OrderEvent::OrderOutForDelivery { .. }
            | OrderEvent::OrderDelivered { .. }
            | OrderEvent::OrderNotDelivered { .. }
            | OrderEvent::OrderReturned { .. },
        )
        | Event::Stock(_)
        | Event::Delivery(_)
        | Event::Pizzeria(_)
        | Event::Menu(_)
        | Event::Staff(_)
        | Event::Customer(_)
        | Event::Closing(_) => return Vec::new(),
    };
    // The event leaves the order's id to its stream; a stream that names none has nothing to schedule.
    let Ok(order) = stream.id.parse() else { return Vec::new() };
    vec![Arc::new(ScheduleDelivery { order, now })]
}
