//! What follows from a command. Pure.

use super::{Stock, StockCommand, StockError, StockEvent};

/// Decides.
///
/// # Errors
/// A [`StockError`] when the command is refused; nothing happens then.
pub fn decide(state: &Stock, command: StockCommand) -> Result<Vec<StockEvent>, StockError> {
    let _ = (state, command);
    todo!()
}
