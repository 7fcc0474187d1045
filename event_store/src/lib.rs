//! The log: append, load, follow. Knows no read model.
//!
//! - [`EventStore::execute`] runs a use case: states from memory (module `decider`), a pure decision, and one
//!   statement a batch that appends the decisions of all queued commands (module `append`).
//! - [`bulk`] fills an empty log with generated events.
//! - [`log`] reads events back, by position or by stream.
//! - [`migrate`] brings the schema up to date.
//! - [`Follower`] wakes on NOTIFY, reads each event once per process and distributes it in memory.

mod append;
mod appender;
pub mod bulk;
mod command;
mod cqrs;
mod decider;
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

pub use command::{CommandContext, CommandResult, Idempotency, NewContact, NewNote};
pub use cqrs::{ForeignStreams, Framework, FrameworkEvent};
pub use error::{StoreError, chain};
pub use follow::{FollowError, Follower, Idle, Notice, StreamFeed};
pub use load::state_at;
pub use log::{EventClass, LogEntry, LogError, Metadata, RecordedEvent, UnreadableRecord};
pub use metrics::SPANS;
pub use snapshot::SNAPSHOT_SCHEMA;
pub use store::{EventStore, Settings};

/// The schema's migrations, forward only, embedded in the binary.
pub static MIGRATOR: sqlx::migrate::Migrator = sqlx::migrate!("../migrations");
