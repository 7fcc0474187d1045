//! Exports the log as files for auditors, and verifies such files without a database, settings or trust in their author.
//! Never writes to a database. `docs/audit.md` specifies the files; `docs/audit/verify.py` is a second verifier that
//! shares no code with this one.
//!
//! - [`write()`] reads a part of the log in one snapshot and writes three files: the events, the proof that describes
//!   them, and the tree's hashes from the events to the signed head.
//! - [`verify()`] reads the files and names the first error.

mod files;
mod format;
mod proof;
mod redact;
mod row;
mod select;
mod tree;
mod verify;
mod write;

pub use files::{Target, WriteError};
pub use format::{Format, FormatError};
pub use proof::{Paths, Proof};
pub use row::Row;
pub use select::{Bound, BoundError, Selection};
pub use verify::{Options, Trust, VerificationReport, VerifyError, verify};
pub use write::{ExportError, ExportSummary, write};
