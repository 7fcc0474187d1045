//! Streams: which aggregate an event belongs to, and the state that a stream folds into.

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

/// The kinds of stream (DOMAIN.md, Aggregates).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StreamType {
    /// One order.
    Order,
    /// The stock of one pizzeria.
    Stock,
    /// One delivery.
    Delivery,
    /// One point of sale.
    Pizzeria,
    /// The group's menu; there is one stream.
    Menu,
    /// One member of staff.
    Staff,
    /// One customer's account.
    Customer,
    /// The daily closings of one pizzeria.
    Closing,
}

impl StreamType {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 8] = [
        Self::Order,
        Self::Stock,
        Self::Delivery,
        Self::Pizzeria,
        Self::Menu,
        Self::Staff,
        Self::Customer,
        Self::Closing,
    ];

    /// The name stored in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Stock => "stock",
            Self::Delivery => "delivery",
            Self::Pizzeria => "pizzeria",
            Self::Menu => "menu",
            Self::Staff => "staff",
            Self::Customer => "customer",
            Self::Closing => "closing",
        }
    }
}

impl fmt::Display for StreamType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for StreamType {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(InvalidId { kind: "stream type" })
    }
}

/// The name of a stream, written `order:<uuid>`, `stock:P1`, `menu:group`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// Its kind.
    pub kind: StreamType,
    /// Its id within the kind.
    pub id: Arc<str>,
}

impl StreamId {
    /// A stream by its kind and the text of its id.
    pub fn new(kind: StreamType, id: impl Into<Arc<str>>) -> Self {
        Self { kind, id: id.into() }
    }
    /// An order's stream.
    pub fn order(id: OrderId) -> Self {
        Self::new(StreamType::Order, id.to_string())
    }
    /// The stock of a pizzeria.
    pub fn stock(pizzeria: &PizzeriaId) -> Self {
        Self::new(StreamType::Stock, pizzeria.as_str())
    }
    /// A delivery's stream.
    pub fn delivery(id: DeliveryId) -> Self {
        Self::new(StreamType::Delivery, id.to_string())
    }
    /// A pizzeria's stream.
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
    /// The daily closings of a pizzeria.
    pub fn closing(pizzeria: &PizzeriaId) -> Self {
        Self::new(StreamType::Closing, pizzeria.as_str())
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.id)
    }
}

/// The state of any stream. An empty stream has the default state of its kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AggregateState {
    /// An order.
    Order(Order),
    /// A stock.
    Stock(Stock),
    /// A delivery.
    Delivery(Delivery),
    /// A pizzeria.
    Pizzeria(Pizzeria),
    /// The menu.
    Menu(Menu),
    /// A member of staff.
    Staff(Staff),
    /// A customer's account.
    Customer(Customer),
    /// A pizzeria's closings.
    Closing(Closing),
}

/// An event on a stream of another kind: the log is damaged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {event} cannot be on a stream of type {stream}")]
pub struct ForeignEvent {
    /// The stream's kind.
    pub stream: StreamType,
    /// The event's type.
    pub event: &'static str,
}

impl AggregateState {
    /// The state of an empty stream.
    pub fn empty(kind: StreamType) -> Self {
        match kind {
            StreamType::Order => Self::Order(Order::default()),
            StreamType::Stock => Self::Stock(Stock::default()),
            StreamType::Delivery => Self::Delivery(Delivery::default()),
            StreamType::Pizzeria => Self::Pizzeria(Pizzeria::default()),
            StreamType::Menu => Self::Menu(Menu::default()),
            StreamType::Staff => Self::Staff(Staff::default()),
            StreamType::Customer => Self::Customer(Customer::default()),
            StreamType::Closing => Self::Closing(Closing::default()),
        }
    }

    /// The kind of stream that it is the state of.
    pub fn kind(&self) -> StreamType {
        match self {
            Self::Order(_) => StreamType::Order,
            Self::Stock(_) => StreamType::Stock,
            Self::Delivery(_) => StreamType::Delivery,
            Self::Pizzeria(_) => StreamType::Pizzeria,
            Self::Menu(_) => StreamType::Menu,
            Self::Staff(_) => StreamType::Staff,
            Self::Customer(_) => StreamType::Customer,
            Self::Closing(_) => StreamType::Closing,
        }
    }

    /// About how many entries it holds: what copying or writing it costs, in no unit.
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

    /// Applies one event of its stream.
    ///
    /// # Errors
    /// [`ForeignEvent`] when the event is of another kind of stream.
    pub fn evolve(&mut self, event: &Event) -> Result<(), ForeignEvent> {
        // By event, so that a new kind of event does not compile until it has a state.
        match event {
            Event::Order(event) => {
                if let Self::Order(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Stock(event) => {
                if let Self::Stock(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Delivery(event) => {
                if let Self::Delivery(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Pizzeria(event) => {
                if let Self::Pizzeria(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Menu(event) => {
                if let Self::Menu(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Staff(event) => {
                if let Self::Staff(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Customer(event) => {
                if let Self::Customer(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
            Event::Closing(event) => {
                if let Self::Closing(state) = self {
                    state.evolve(event);
                    return Ok(());
                }
            }
        }
        Err(ForeignEvent { stream: self.kind(), event: event.event_type() })
    }
}
