//! Daily closings of a pizzeria: one event a business day, with what happened in it and since the beginning.
//! A day that is closed never changes: what happens later belongs to a later day.

mod aggregate;
mod commands;
mod day;
mod decide;
mod error;
mod events;
mod ledger;
mod state;
#[cfg(test)]
mod tests;
mod totals;

pub use commands::ClosingCommand;
pub use day::{business_day, ends};
pub use decide::decide;
pub use error::ClosingError;
pub use events::{ClosingEvent, DayClosing, TreeHead};
pub use ledger::Ledger;
pub use state::Closing;
pub use totals::{PaymentTotal, Totals};
