//! What follows from a command. Pure.

use super::{Menu, MenuCommand, MenuError, MenuEvent};

/// Decides.
///
/// # Errors
/// A [`MenuError`] when the command is refused; nothing happens then.
pub fn decide(state: &Menu, command: MenuCommand) -> Result<Vec<MenuEvent>, MenuError> {
    let _ = (state, command);
    todo!()
}
