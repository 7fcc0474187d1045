//! The one list of events: it generates [`Event`], [`EventType`] and the names of each event enum. Consumers
//! compare types, never the text of a name.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::closing::ClosingEvent;
use crate::customer::CustomerEvent;
use crate::delivery::DeliveryEvent;
use crate::menu::MenuEvent;
use crate::order::OrderEvent;
use crate::personal_data::RetentionEffect;
use crate::pizzeria::PizzeriaEvent;
use crate::staff::StaffEvent;
use crate::stock::StockEvent;
use crate::stream::StreamType;
use crate::upcasters;

macro_rules! events {
    ($($(#[$doc:meta])* $stream:ident($enum:ident) { $($name:ident: $retention:ident,)+ })+) => {
        /// Event of any stream. Serialised as its payload alone: `{"type": "OrderPlaced", …}`.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(untagged)]
        pub enum Event { $($(#[$doc])* $stream($enum),)+ }

        impl Event {
            /// Returns the type of the stream that the event belongs to.
            pub fn stream_type(&self) -> StreamType {
                match self { $(Self::$stream(_) => StreamType::$stream,)+ }
            }

            /// Returns the event's type.
            pub fn kind(&self) -> EventType {
                match self { $(Self::$stream(event) => event.kind(),)+ }
            }

            pub(super) fn parse<'de, D: serde::Deserializer<'de>>(
                stream: StreamType,
                payload: D,
            ) -> Result<Self, D::Error> {
                match stream { $(StreamType::$stream => $enum::deserialize(payload).map(Self::$stream),)+ }
            }
        }

        /// Type of an event, without its payload: for SQL, filters and classifications.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each variant is described at its payload")]
        pub enum EventType { $($($name,)+)+ }

        impl EventType {
            /// Every type, in the order of declaration.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// Returns the name stored in the log, such as `OrderPlaced`.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$name => stringify!($name),)+)+ }
            }

            /// Returns the type of the streams that hold such events.
            pub const fn stream_type(self) -> StreamType {
                match self { $($(Self::$name)|+ => StreamType::$stream,)+ }
            }

            /// Returns what such an event means for personal data.
            pub const fn retention(self) -> RetentionEffect {
                match self { $($(Self::$name => RetentionEffect::$retention,)+)+ }
            }
        }

        $(
            impl $enum {
                /// Every event name of this stream type, in the order of declaration.
                pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

                /// Returns the event's type.
                pub fn kind(&self) -> EventType {
                    match self { $(Self::$name { .. } => EventType::$name,)+ }
                }

                /// Returns the name stored in the log.
                pub fn name(&self) -> &'static str {
                    self.kind().as_str()
                }
            }

            impl From<$enum> for Event {
                fn from(event: $enum) -> Self {
                    Self::$stream(event)
                }
            }
        )+
    };
}

// A new event does not compile until it stands here with its effect on personal data.
events! {
    /// Event of an order.
    Order(OrderEvent) {
        OrderPlaced: StoresRow,
        // A refused order stores no contact.
        OrderRefused: None,
        OrderLinesChanged: MayStoreNotes,
        OrderCancelled: ClosesOrder,
        OrderExpired: ClosesOrder,
        PaymentAuthorised: None,
        PaymentCaptured: None,
        PaymentDeclined: None,
        PaymentRefunded: MayStoreNotes,
        PreparationStarted: None,
        ItemBaked: None,
        OrderReady: None,
        OrderHandedOver: ClosesOrder,
        OrderOutForDelivery: None,
        OrderDelivered: ClosesOrder,
        // The delivery may be tried again.
        OrderNotDelivered: None,
        OrderReturned: ClosesOrder,
    }
    /// Event of a stock.
    Stock(StockEvent) {
        IngredientsReserved: None,
        ReservationChanged: None,
        ReservationReleased: None,
        ReservationConsumed: None,
        SupplyReceived: None,
        StockCounted: None,
        // Its note is about no customer; its retention begins when it is stored.
        IngredientsWasted: None,
        PreparedOrderDiscarded: None,
        TransferSent: None,
        TransferReceived: None,
        ThresholdSet: None,
        StockLow: None,
        StockRecovered: None,
        ReservationShort: None,
        PizzaBlocked: None,
        PizzaUnblocked: None,
    }
    /// Event of a delivery.
    Delivery(DeliveryEvent) {
        DeliveryScheduled: None,
        DeliveryAssigned: None,
        DeliveryUnassigned: None,
        DeliveryPickedUp: None,
        WrongCodeGiven: None,
        DeliveryCompleted: EndsDelivery,
        DeliveryFailed: MayStoreNotes,
        DeliveryRetryScheduled: None,
        DeliveryReturned: EndsDelivery,
    }
    /// Event of a pizzeria.
    Pizzeria(PizzeriaEvent) {
        PizzeriaOpened: None,
        PizzeriaUpdated: None,
        PizzeriaPaused: None,
        PizzeriaResumed: None,
    }
    /// Event of the menu.
    Menu(MenuEvent) {
        MenuPublished: None,
    }
    /// Event of a member of staff.
    Staff(StaffEvent) {
        StaffHired: None,
        StaffTransferred: None,
        RoleChanged: None,
        StaffRevoked: None,
        DeliveryTaken: None,
        DeliveryPutDown: None,
        StaffAccountUpdated: None,
        StaffEmailVerified: None,
        StaffPasswordChanged: None,
    }
    /// Event of a customer's account.
    Customer(CustomerEvent) {
        CustomerRegistered: None,
        CustomerEmailVerified: None,
        CustomerAccountUpdated: None,
        CustomerPasswordChanged: None,
        CustomerErased: ErasesCustomer,
    }
    /// Event of a pizzeria's daily closings.
    Closing(ClosingEvent) {
        DayClosed: None,
    }
}

impl EventType {
    /// Returns the names under which events of the types for which a predicate holds are stored, earlier names included,
    /// as SQL takes them.
    pub fn names_where(holds: impl Fn(Self) -> bool) -> Vec<String> {
        let names = Self::ALL.iter().filter(|one| holds(**one)).map(|one| one.as_str()).collect();
        upcasters::with_earlier(names).into_iter().map(str::to_owned).collect()
    }

    /// Whether such an event says where a member of staff works from then on, in its field `pizzeria`.
    pub fn posts_staff(self) -> bool {
        matches!(self, Self::StaffHired | Self::StaffTransferred)
    }

    /// Whether such an event may capture a charge of the payment provider: for SQL over the log. A test
    /// compares it with the facts of every event.
    pub fn captures_charge(self) -> bool {
        self == Self::PaymentCaptured
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown event type; the event types are {}", EventType::names_where(|_| true).join(", "))]
pub struct UnknownEventType;

impl FromStr for EventType {
    type Err = UnknownEventType;
    fn from_str(name: &str) -> Result<Self, UnknownEventType> {
        Self::ALL.iter().copied().find(|one| one.as_str() == name).ok_or(UnknownEventType)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_stored_names_only() {
        for one in EventType::ALL {
            assert_eq!(one.as_str().parse(), Ok(*one));
        }
        assert_eq!("orderPlaced".parse::<EventType>(), Err(UnknownEventType));
        let text = UnknownEventType.to_string();
        assert!(text.contains("OrderPlaced") && text.contains("DayClosed"), "{text}");
    }
}
