//! Any event of any stream: its stored type, version and payload, and the way back.

mod types;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::closing::ClosingEvent;
use crate::customer::CustomerEvent;
use crate::delivery::DeliveryEvent;
use crate::menu::MenuEvent;
use crate::order::OrderEvent;
use crate::pizzeria::PizzeriaEvent;
use crate::staff::StaffEvent;
use crate::stock::StockEvent;
use crate::stream::StreamType;
use crate::upcasters;

pub use types::{EventType, UnknownEventType};

/// An event of any kind of stream. Serialises as its payload alone: `{"type": "OrderPlaced", …}`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Event {
    /// Of an order.
    Order(OrderEvent),
    /// Of a stock.
    Stock(StockEvent),
    /// Of a delivery.
    Delivery(DeliveryEvent),
    /// Of a pizzeria.
    Pizzeria(PizzeriaEvent),
    /// Of the menu.
    Menu(MenuEvent),
    /// Of a member of staff.
    Staff(StaffEvent),
    /// Of a customer's account.
    Customer(CustomerEvent),
    /// Of a pizzeria's closings.
    Closing(ClosingEvent),
}

/// A stored event that this program cannot read.
#[derive(Debug, thiserror::Error)]
#[error("stored event {event_type} version {version} of a {stream} stream cannot be read")]
pub struct UnreadableEvent {
    stream: String,
    event_type: String,
    version: String,
    source: Option<serde_json::Error>,
}

impl UnreadableEvent {
    /// An event on a stream of a kind that this program does not know.
    pub fn of_unknown_stream(stream: &str, event_type: &str) -> Self {
        Self {
            stream: stream.to_owned(),
            event_type: event_type.to_owned(),
            version: String::new(),
            source: None,
        }
    }

    /// An event that says who and why in a way that this program does not know.
    pub fn of_unknown_metadata(
        stream: &str,
        event_type: &str,
        version: &str,
        source: serde_json::Error,
    ) -> Self {
        Self {
            stream: stream.to_owned(),
            event_type: event_type.to_owned(),
            version: version.to_owned(),
            source: Some(source),
        }
    }
}

impl Event {
    /// The kind of stream that it belongs to.
    pub fn stream_type(&self) -> StreamType {
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

    /// Its type.
    pub fn kind(&self) -> EventType {
        match self {
            Self::Order(event) => event.kind(),
            Self::Stock(event) => event.kind(),
            Self::Delivery(event) => event.kind(),
            Self::Pizzeria(event) => event.kind(),
            Self::Menu(event) => event.kind(),
            Self::Staff(event) => event.kind(),
            Self::Customer(event) => event.kind(),
            Self::Closing(event) => event.kind(),
        }
    }

    /// The name stored in the log, a past-tense fact.
    pub fn event_type(&self) -> &'static str {
        self.kind().as_str()
    }

    /// The version of its payload as written today, `major.minor.patch`.
    pub fn version(&self) -> &'static str {
        upcasters::current_version(self.event_type())
    }

    /// Reads a stored payload, of whatever version, into today's event.
    ///
    /// # Errors
    /// [`UnreadableEvent`] when the payload, after its upcasters, is none of the stream's events.
    pub fn from_stored(
        stream: StreamType,
        event_type: &str,
        version: &str,
        payload: &str,
    ) -> Result<Self, UnreadableEvent> {
        // What is of today's version already, as nearly everything is, is read in one step.
        let event = if version == upcasters::current_version(event_type) {
            let mut text = serde_json::Deserializer::from_str(payload);
            Self::parse(stream, &mut text).and_then(|event| text.end().map(|()| event))
        } else {
            serde_json::from_str::<Value>(payload)
                .and_then(|payload| Self::parse(stream, upcasters::upcast(event_type, version, payload)))
        };
        event.map_err(|source| UnreadableEvent {
            stream: stream.as_str().to_owned(),
            event_type: event_type.to_owned(),
            version: version.to_owned(),
            source: Some(source),
        })
    }
}

impl Event {
    fn parse<'de, D: serde::Deserializer<'de>>(stream: StreamType, payload: D) -> Result<Self, D::Error> {
        match stream {
            StreamType::Order => OrderEvent::deserialize(payload).map(Self::Order),
            StreamType::Stock => StockEvent::deserialize(payload).map(Self::Stock),
            StreamType::Delivery => DeliveryEvent::deserialize(payload).map(Self::Delivery),
            StreamType::Pizzeria => PizzeriaEvent::deserialize(payload).map(Self::Pizzeria),
            StreamType::Menu => MenuEvent::deserialize(payload).map(Self::Menu),
            StreamType::Staff => StaffEvent::deserialize(payload).map(Self::Staff),
            StreamType::Customer => CustomerEvent::deserialize(payload).map(Self::Customer),
            StreamType::Closing => ClosingEvent::deserialize(payload).map(Self::Closing),
        }
    }
}

/// Gives an event enum the names of its variants as `name()`, without `_`, and the cqrs-es trait.
macro_rules! event_names {
    ($enum:ident, $wrap:ident: $($variant:ident),+ $(,)?) => {
        impl $enum {
            /// Its type.
            pub fn kind(&self) -> crate::event::EventType {
                match self { $(Self::$variant { .. } => crate::event::EventType::$variant,)+ }
            }

            /// The name stored in the log.
            pub fn name(&self) -> &'static str {
                self.kind().as_str()
            }

            /// Every name, in the order of declaration.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($variant)),+];
        }

        impl From<$enum> for crate::event::Event {
            fn from(event: $enum) -> Self {
                Self::$wrap(event)
            }
        }

        impl cqrs_es::DomainEvent for $enum {
            fn event_type(&self) -> String {
                self.name().to_owned()
            }
            fn event_version(&self) -> String {
                crate::upcasters::current_version(self.name()).to_owned()
            }
        }
    };
}
pub(crate) use event_names;
