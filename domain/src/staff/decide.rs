//! What follows from a command. Pure.

use super::{Staff, StaffCommand, StaffError, StaffEvent};

/// Decides.
///
/// # Errors
/// A [`StaffError`] when the command is refused; nothing happens then.
pub fn decide(state: &Staff, command: StaffCommand) -> Result<Vec<StaffEvent>, StaffError> {
    let _ = (state, command);
    todo!()
}
