//! The stock of one pizzeria: what is on hand, what is reserved for which order, what is left.

mod aggregate;
mod commands;
mod decide;
mod error;
mod events;
mod state;
#[cfg(test)]
mod tests;

pub use commands::StockCommand;
pub use decide::{decide, over_limit};
pub use error::StockError;
pub use events::{Counted, Held, StockEvent, WasteReason};
pub use state::{BlockKey, Level, Stock};
