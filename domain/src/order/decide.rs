//! What follows from a command. Pure.

use super::{Order, OrderCommand, OrderError, OrderEvent};

/// Decides.
///
/// # Errors
/// A [`OrderError`] when the command is refused; nothing happens then.
pub fn decide(state: &Order, command: OrderCommand) -> Result<Vec<OrderEvent>, OrderError> {
    let _ = (state, command);
    todo!()
}
