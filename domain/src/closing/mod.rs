//! Daily closings of a pizzeria: one event per business day, with the figures of that day and since the first
//! closing. A closed day never changes: later events belong to a later day.

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
pub use day::{business_day, business_day_end};
pub use decide::decide;
pub use error::ClosingError;
pub use events::{ClosingEvent, DayClosing, TreeHead};
pub use ledger::Ledger;
pub use state::Closing;
pub use totals::{PaymentTotal, Totals};
