//! A customer's account: that it exists, whether its e-mail address is verified, and that it was erased.
//! Who the customer is stands outside the log.

mod aggregate;
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
