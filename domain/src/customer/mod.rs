//! Customer's account: whether it exists, whether its e-mail address is verified, whether it was erased.
//! Personal data never enters the log.

mod commands;
mod decide;
mod error;
mod events;
mod state;
#[cfg(test)]
mod tests;

pub use commands::CustomerCommand;
pub use decide::decide;
pub use error::CustomerError;
pub use events::CustomerEvent;
pub use state::{Customer, Registered};
