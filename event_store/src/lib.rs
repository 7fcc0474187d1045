//! The log: append, load, follow. Knows no read model.
//!
//! - [`EventStore::execute`] runs a use case: states from memory, a pure decision, and one
//!   statement a batch that appends what every waiting caller decided (module `append`).
//! - [`bulk`] fills an empty log with generated events.
//! - [`log`] reads events back, by position or by stream.
//! - [`migrate`] brings the schema up to date.
//! - [`Follower`] wakes on NOTIFY, reads each event once a process and fans it out.

mod append;
mod appender;
pub mod bulk;
mod cache;
mod command;
mod cqrs;
mod error;
mod follow;
mod idempotency;
mod load;
pub mod log;
mod metrics;
pub mod migrate;
mod snapshot;
mod store;
mod unit_of_work;

pub use command::{CommandContext, Idempotency, NewContact, NewNote, Outcome};
pub use error::StoreError;
pub use follow::{FollowError, Follower, Idle, Notice, StreamFeed};
pub use load::state_at;
pub use log::{LogEntry, LogError, Metadata, RecordedEvent, UnreadableRecord};
pub use metrics::SPANS;
pub use store::{EventStore, Settings};

/// The schema's migrations, forward only, embedded in the program.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
