//! Streams: their types and names, and the state that each folds into. Never reads the log.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::closing::Closing;
use crate::customer::Customer;
use crate::delivery::Delivery;
use crate::event::Event;
use crate::ids::{CustomerId, DeliveryId, InvalidId, OrderId, PizzeriaId, StaffId};
use crate::menu::Menu;
use crate::order::Order;
use crate::pizzeria::Pizzeria;
use crate::staff::Staff;
use crate::stock::Stock;

coded! { $ for_each_stream_type
    /// Type of a stream (DOMAIN.md, Aggregates).
    pub enum StreamType {
        /// One order.
        Order = "order",
        /// The stock of one pizzeria.
        Stock = "stock",
        /// One delivery.
        Delivery = "delivery",
        /// One point of sale.
        Pizzeria = "pizzeria",
        /// The group's menu.
        Menu = "menu",
        /// One member of staff.
        Staff = "staff",
        /// One customer's account.
        Customer = "customer",
        /// The daily closings of one pizzeria.
        Closing = "closing",
    }
}

impl FromStr for StreamType {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidId { kind: "stream type" })
    }
}

/// Name of a stream, written `order:<uuid>`, `stock:P1`, `menu:group`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Stream type.
    pub kind: StreamType,
    /// Id within the type.
    pub id: Arc<str>,
}

impl StreamId {
    /// Returns the stream of a type and the text of its id.
    pub fn new(kind: StreamType, id: impl Into<Arc<str>>) -> Self {
        Self { kind, id: id.into() }
    }
    /// Returns an order's stream.
    pub fn order(id: OrderId) -> Self {
        Self::new(StreamType::Order, id.to_string())
    }
    /// Returns the stream of a pizzeria's stock.
    pub fn stock(pizzeria: &PizzeriaId) -> Self {
        Self::new(StreamType::Stock, pizzeria.as_str())
    }
    /// Returns a delivery's stream.
    pub fn delivery(id: DeliveryId) -> Self {
        Self::new(StreamType::Delivery, id.to_string())
    }
    /// Returns a pizzeria's stream.
    pub fn pizzeria(id: &PizzeriaId) -> Self {
        Self::new(StreamType::Pizzeria, id.as_str())
    }
    /// The group's menu.
    pub fn menu() -> Self {
        Self::new(StreamType::Menu, "group")
    }
    /// A member of staff.
    pub fn staff(id: StaffId) -> Self {
        Self::new(StreamType::Staff, id.to_string())
    }
    /// A customer's account.
    pub fn customer(id: CustomerId) -> Self {
        Self::new(StreamType::Customer, id.to_string())
    }
    /// Returns the stream of a pizzeria's daily closings.
    pub fn closing(pizzeria: &PizzeriaId) -> Self {
        Self::new(StreamType::Closing, pizzeria.as_str())
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// Event on a stream of another type: the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot be on a stream of type {stream}")]
pub struct ForeignEvent {
    /// Type of the stream.
    pub stream: StreamType,
    /// Name of the event.
    pub event: &'static str,
}

macro_rules! aggregate_states {
    ($($kind:ident),+) => {
        /// State of any stream. An empty stream has the default state of its type.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs, reason = "each variant is described at its state")]
        pub enum AggregateState { $($kind($kind),)+ }

        impl AggregateState {
            /// Returns the state of an empty stream.
            pub fn empty(kind: StreamType) -> Self {
                match kind { $(StreamType::$kind => Self::$kind($kind::default()),)+ }
            }

            /// Returns the type of the stream.
            pub fn kind(&self) -> StreamType {
                match self { $(Self::$kind(_) => StreamType::$kind,)+ }
            }

            /// Applies one event of the stream.
            ///
            /// # Errors
            /// [`ForeignEvent`] if the event belongs to another type of stream.
            pub fn evolve(&mut self, event: &Event) -> Result<(), ForeignEvent> {
                match event {
                    $(Event::$kind(event) => if let Self::$kind(state) = self {
                        state.evolve(event);
                        return Ok(());
                    },)+
                }
                Err(ForeignEvent { stream: self.kind(), event: event.event_type() })
            }
        }
    };
}

aggregate_states!(Order, Stock, Delivery, Pizzeria, Menu, Staff, Customer, Closing);

impl AggregateState {
    /// Returns the approximate number of entries, which is what copying or writing the state costs.
    pub fn weight(&self) -> usize {
        match self {
            Self::Stock(stock) => stock.weight(),
            Self::Order(_)
            | Self::Delivery(_)
            | Self::Pizzeria(_)
            | Self::Menu(_)
            | Self::Staff(_)
            | Self::Customer(_)
            | Self::Closing(_) => 1,
        }
    }
}
