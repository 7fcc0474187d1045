//! Member of staff: the role, and the deliveries that a courier carries. Personal data never enters the log.

mod commands;
mod decide;
mod error;
mod events;
mod state;
#[cfg(test)]
mod tests;

pub use commands::StaffCommand;
pub use decide::decide;
pub use error::StaffError;
pub use events::StaffEvent;
pub use state::{Employed, MAX_CARRIED, Staff};
