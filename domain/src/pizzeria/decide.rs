//! What follows from a command. Pure.

use super::{Pizzeria, PizzeriaCommand, PizzeriaError, PizzeriaEvent};

/// Decides.
///
/// # Errors
/// A [`PizzeriaError`] when the command is refused; nothing happens then.
pub fn decide(state: &Pizzeria, command: PizzeriaCommand) -> Result<Vec<PizzeriaEvent>, PizzeriaError> {
    let _ = (state, command);
    todo!()
}
