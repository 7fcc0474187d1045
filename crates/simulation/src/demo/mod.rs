//! The demo: its people, its data loaded through the event store's commands, an evening played through the
//! API, and a summary of what goes on. Nothing here is used by `serve`.

mod people;
mod seed;
mod summary;
pub mod traffic;

pub use people::resident;
pub use people::{PASSWORD, accounts};
pub use seed::{SeedError, seed};
pub use seed::{give_passwords, steps};
pub use summary::{Summary, SummaryError};
