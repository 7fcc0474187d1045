//! Every type of event as one enum without payload: what SQL, filters and classifications name, so that none of
//! them compares text.

use std::fmt;
use std::str::FromStr;

use crate::stream::StreamType;

macro_rules! event_types {
    ($($stream:ident: $($name:ident),+;)+) => {
        /// A type of event. A new event does not compile until it is listed here, and from then on every
        /// classification of events (retention, payments, …) does not compile until it has decided about it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[allow(missing_docs, reason = "each is described where its payload is")]
        pub enum EventType { $($($name,)+)+ }

        impl EventType {
            /// Every type, in the order of declaration.
            pub const ALL: &'static [Self] = &[$($(Self::$name,)+)+];

            /// The name stored in the log, `OrderPlaced`.
            pub const fn as_str(self) -> &'static str {
                match self { $($(Self::$name => stringify!($name),)+)+ }
            }

            /// The kind of stream that it is stored on.
            pub const fn stream_type(self) -> StreamType {
                match self { $($(Self::$name)|+ => StreamType::$stream,)+ }
            }
        }
    };
}

event_types! {
    Order: OrderPlaced, OrderRefused, OrderLinesChanged, OrderCancelled, OrderExpired, PaymentAuthorised,
        PaymentCaptured, PaymentDeclined, PaymentRefunded, PreparationStarted, ItemBaked, OrderReady,
        OrderHandedOver, OrderOutForDelivery, OrderDelivered, OrderNotDelivered, OrderReturned;
    Stock: IngredientsReserved, ReservationChanged, ReservationReleased, ReservationConsumed, SupplyReceived,
        StockCounted, IngredientsWasted, TransferSent, TransferReceived, ThresholdSet, StockLow, StockRecovered,
        ReservationShort, PizzaBlocked, PizzaUnblocked;
    Delivery: DeliveryScheduled, DeliveryAssigned, DeliveryUnassigned, DeliveryPickedUp, WrongCodeGiven,
        DeliveryCompleted, DeliveryFailed, DeliveryRetryScheduled, DeliveryReturned;
    Pizzeria: PizzeriaOpened, PizzeriaUpdated, PizzeriaPaused, PizzeriaResumed;
    Menu: MenuPublished;
    Staff: StaffHired, StaffRevoked, DeliveryTaken, DeliveryPutDown, StaffAccountUpdated, StaffEmailVerified,
        StaffPasswordChanged;
    Customer: CustomerRegistered, CustomerEmailVerified, CustomerAccountUpdated, CustomerPasswordChanged,
        CustomerErased;
    Closing: DayClosed;
}

impl EventType {
    /// The names of the types that a predicate holds for, as SQL takes them.
    pub fn names_where(holds: impl Fn(Self) -> bool) -> Vec<String> {
        Self::ALL.iter().filter(|one| holds(**one)).map(|one| one.as_str().to_owned()).collect()
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Not the name of a type of event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no event type of that name; there are {}", EventType::names_where(|_| true).join(", "))]
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
    fn a_type_is_found_by_its_stored_name_and_by_nothing_else() {
        for one in EventType::ALL {
            assert_eq!(one.as_str().parse(), Ok(*one));
        }
        assert_eq!("orderPlaced".parse::<EventType>(), Err(UnknownEventType));
        let text = UnknownEventType.to_string();
        assert!(text.contains("OrderPlaced") && text.contains("DayClosed"), "{text}");
    }
}
