//! Backups: one snapshot of the log and of the facts that no event holds, in a file that proves its own completeness;
//! and the commands that write, verify and restore it or destroy the data. Read models are not part of a backup: a
//! restore rebuilds them. See `docs/backup.md`.
//!
//! Blocks the calling thread on files, so a process that serves requests must not call it. Start at [`backup()`] and
//! [`restore()`]. May depend on `identity`, `projections`, `event_store` and `domain`.

mod connection;
mod cut;
mod destroy;
mod erasures;
mod file;
mod format;
mod restore;
pub mod tables;
mod verify;
mod write;

pub use cut::{Cut, RestoreTarget, RestoreTargetError};
pub use destroy::{DestroyError, DestroyReport, destroy, in_use};
pub use erasures::{Erasure, ErasuresError, read_erasures, recorded_erasures, write_erasures};
pub use file::AtomicFile;
pub use format::{FormatError, Header, TableSum};
pub use restore::{RestoreError, RestoreReport, restore};
pub use verify::{VerifiedBackup, verify};
pub use write::{BackupError, BackupProgress, backup};
