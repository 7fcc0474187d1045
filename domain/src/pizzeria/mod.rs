//! Point of sale: its place, opening hours, pauses, delivery area and fee, and limits on unpaid orders.

mod commands;
mod decide;
mod error;
mod events;
mod hours;
mod place;
mod state;
#[cfg(test)]
mod tests;
mod unpaid;

pub use commands::PizzeriaCommand;
pub use decide::{RADIUS_MAX_M, decide};
pub use error::PizzeriaError;
pub use events::{Changes, Opening, PizzeriaEvent};
pub use hours::{InvalidHours, OpeningSpan, WeeklyHours};
pub use place::{InvalidPlace, Place};
pub use state::{OpenedPizzeria, Pause, Pizzeria};
pub use unpaid::{UnpaidChanges, UnpaidLimit, UnpaidLimits, UnpaidUnit};
