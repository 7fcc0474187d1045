//! What each type of event means for the personal data kept beside the log (contacts, notes, courier positions,
//! accounts). Only the meaning; nothing is stored or erased here.

use crate::event::EventType;

/// What follows from an event for the rows of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionEffect {
    /// Nothing.
    None,
    /// Every row of the customer goes.
    ErasesCustomer,
    /// A row was stored with it; it goes at once when its customer was erased before.
    StoresRow,
    /// Notes may have been stored with it; they go at once when their customer was erased before.
    MayStoreNotes,
    /// The order is over: the time for which its rows are kept begins.
    ClosesOrder,
    /// The delivery is over: the courier's last position goes. A proof may have stored a row.
    EndsDelivery,
}

/// What an event of a type means for the rows of personal data.
pub const fn retention_effect(event: EventType) -> RetentionEffect {
    use EventType as E;
    use RetentionEffect as R;
    match event {
        E::CustomerErased => R::ErasesCustomer,
        E::OrderPlaced => R::StoresRow,
        E::OrderCancelled
        | E::OrderExpired
        | E::OrderHandedOver
        | E::OrderDelivered
        | E::OrderReturned => R::ClosesOrder,
        E::DeliveryCompleted | E::DeliveryReturned => R::EndsDelivery,
        E::OrderLinesChanged | E::PaymentRefunded | E::DeliveryFailed => R::MayStoreNotes,
        // A refused order stores no contact.
        E::OrderRefused
        | E::PaymentAuthorised
        | E::PaymentCaptured
        | E::PaymentDeclined
        | E::PreparationStarted
        | E::ItemBaked
        | E::OrderReady
        | E::OrderOutForDelivery
        // It may be tried again.
        | E::OrderNotDelivered
        | E::IngredientsReserved
        | E::ReservationChanged
        | E::ReservationReleased
        | E::ReservationConsumed
        | E::SupplyReceived
        | E::StockCounted
        // Its note is about no customer, and its time begins when it is stored.
        | E::IngredientsWasted
        | E::TransferSent
        | E::TransferReceived
        | E::ThresholdSet
        | E::StockLow
        | E::StockRecovered
        | E::ReservationShort
        | E::PizzaBlocked
        | E::PizzaUnblocked
        | E::DeliveryScheduled
        | E::DeliveryAssigned
        | E::DeliveryUnassigned
        | E::DeliveryPickedUp
        | E::WrongCodeGiven
        | E::DeliveryRetryScheduled
        | E::PizzeriaOpened
        | E::PizzeriaUpdated
        | E::PizzeriaPaused
        | E::PizzeriaResumed
        | E::MenuPublished
        | E::StaffHired
        | E::StaffRevoked
        | E::DeliveryTaken
        | E::DeliveryPutDown
        | E::StaffAccountUpdated
        | E::StaffEmailVerified
        | E::StaffPasswordChanged
        | E::CustomerRegistered
        | E::CustomerEmailVerified
        | E::CustomerAccountUpdated
        | E::CustomerPasswordChanged
        | E::DayClosed => R::None,
    }
}

/// The stored names of the types that mean something for personal data.
pub fn followed_types() -> Vec<String> {
    EventType::names_where(|event| retention_effect(event) != RetentionEffect::None)
}

/// The stored names of the types that erase a customer.
pub fn erasing_types() -> Vec<String> {
    EventType::names_where(|event| retention_effect(event) == RetentionEffect::ErasesCustomer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_an_order_begin_the_retention_of_its_contact() {
        let closing = EventType::names_where(|event| retention_effect(event) == RetentionEffect::ClosesOrder);
        let ends = ["OrderCancelled", "OrderExpired", "OrderHandedOver", "OrderDelivered", "OrderReturned"];
        assert_eq!(closing, ends);
        assert_eq!(erasing_types(), ["CustomerErased"]);
    }
}
