//! A member of staff: the role held, and, for a courier, what is being carried.

mod aggregate;
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
