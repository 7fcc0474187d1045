//! What an event means for the personal data kept beside the log: contacts, notes, courier positions,
//! accounts. Names the effect only; the caller stores and erases.

use crate::event::EventType;

/// Effect of an event on the rows of personal data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetentionEffect {
    /// No effect.
    None,
    /// Every row of the customer is erased.
    ErasesCustomer,
    /// A row was stored with the event; it is erased at once if its customer was erased before.
    StoresRow,
    /// Notes may have been stored with the event; they are erased at once if their customer was erased
    /// before.
    MayStoreNotes,
    /// The order is closed: the retention period of its rows begins.
    ClosesOrder,
    /// The delivery has ended: the courier's last position is erased. A proof may have stored a row.
    EndsDelivery,
}

/// Returns the stored names of the event types that affect personal data.
pub fn followed_types() -> Vec<String> {
    EventType::names_where(|event| event.retention() != RetentionEffect::None)
}

/// Returns the stored names of the event types that erase a customer.
pub fn erasing_types() -> Vec<String> {
    EventType::names_where(|event| event.retention() == RetentionEffect::ErasesCustomer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_an_order_begins_the_retention_of_its_rows() {
        let closing = EventType::names_where(|event| event.retention() == RetentionEffect::ClosesOrder);
        let ends = ["OrderCancelled", "OrderExpired", "OrderHandedOver", "OrderDelivered", "OrderReturned"];
        assert_eq!(closing, ends);
        assert_eq!(erasing_types(), ["CustomerErased"]);
    }
}
