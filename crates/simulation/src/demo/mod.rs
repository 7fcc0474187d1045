//! The demo: its people, its data loaded by commands, an evening played through the API, and a summary. `serve` uses nothing
//! of it.

mod people;
mod seed;
mod summary;
pub mod traffic;

pub use people::resident;
pub use people::{PASSWORD, accounts};
pub use seed::{SeedError, seed};
pub use seed::{give_passwords, steps};
pub use summary::{Summary, SummaryError};
