//! The one shape of every aggregate: a state that decides commands into events and evolves by them. Names no
//! framework; the event store adapts it to cqrs-es.

use std::error::Error;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::event::Event;
use crate::stream::StreamType;

/// State of one stream, decided over and folded from its events.
pub trait Aggregate:
    Default + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync
{
    /// Type of the aggregate's streams.
    const STREAM: StreamType;
    /// Commands to it.
    type Command: Send;
    /// Events of it.
    type Event: Into<Event> + Clone + Debug + PartialEq + Serialize + DeserializeOwned + Send + Sync;
    /// Why it refuses a command.
    type Error: Error + Send + Sync + 'static;

    /// Returns the events that follow from a command.
    ///
    /// # Errors
    /// The refusal; nothing happens then.
    fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error>;

    /// Applies one event. Total: an event that cannot follow changes nothing.
    fn evolve(&mut self, event: &Self::Event);

    /// Returns the name of an event's type as stored.
    fn event_name(event: &Self::Event) -> &'static str;
}

macro_rules! aggregates {
    ($($module:ident: $state:ident, $command:ident, $event:ident, $error:ident;)+) => { $(
        impl Aggregate for crate::$module::$state {
            const STREAM: StreamType = StreamType::$state;
            type Command = crate::$module::$command;
            type Event = crate::$module::$event;
            type Error = crate::$module::$error;

            fn decide(&self, command: Self::Command) -> Result<Vec<Self::Event>, Self::Error> {
                crate::$module::decide(self, command)
            }

            fn evolve(&mut self, event: &Self::Event) {
                Self::evolve(self, event);
            }

            fn event_name(event: &Self::Event) -> &'static str {
                event.name()
            }
        }
    )+ };
}

aggregates! {
    order: Order, OrderCommand, OrderEvent, OrderError;
    stock: Stock, StockCommand, StockEvent, StockError;
    delivery: Delivery, DeliveryCommand, DeliveryEvent, DeliveryError;
    pizzeria: Pizzeria, PizzeriaCommand, PizzeriaEvent, PizzeriaError;
    menu: Menu, MenuCommand, MenuEvent, MenuError;
    staff: Staff, StaffCommand, StaffEvent, StaffError;
    customer: Customer, CustomerCommand, CustomerEvent, CustomerError;
    closing: Closing, ClosingCommand, ClosingEvent, ClosingError;
}
