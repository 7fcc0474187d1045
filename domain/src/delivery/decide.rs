//! What follows from a command. Pure.

use super::{Delivery, DeliveryCommand, DeliveryError, DeliveryEvent};

/// Decides.
///
/// # Errors
/// A [`DeliveryError`] when the command is refused; nothing happens then.
pub fn decide(state: &Delivery, command: DeliveryCommand) -> Result<Vec<DeliveryEvent>, DeliveryError> {
    let _ = (state, command);
    todo!()
}
