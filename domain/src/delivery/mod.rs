//! Delivery of one order, from the counter to the customer's door, by one courier at a time.

mod commands;
mod decide;
mod error;
mod events;
mod state;
#[cfg(test)]
mod tests;

pub use commands::{DeliveryCommand, ProofGiven};
pub use decide::decide;
pub use error::DeliveryError;
pub use events::{DeliveryEvent, DeliveryFailure, Proof};
pub use state::{Delivery, DeliveryProgress, DeliveryStatus, MAX_CODE_TRIES, ScheduledDelivery};
