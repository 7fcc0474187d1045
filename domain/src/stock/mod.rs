//! Stock of one pizzeria: quantities on hand, reservations by order, thresholds and blocks.

mod commands;
mod decide;
mod error;
mod events;
mod holds;
mod state;
#[cfg(test)]
mod tests;

pub use commands::{StockCommand, Supplier};
pub use decide::{decide, over_limit};
pub use error::StockError;
pub use events::{Counted, Held, StockEvent, WasteReason};
pub use state::{BlockKey, Level, Stock};
