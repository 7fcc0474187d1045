//! The log as files that an auditor takes away, and their verification without a database, without settings and
//! without trust in whoever made them. Never writes to a database. `docs/audit.md` describes the files exactly;
//! `docs/audit/verify.py` is a second verifier of them, which shares no code with this one.
//!
//! - [`write()`] reads a part of the log in one snapshot and writes three files: the events, the proof that says
//!   what they are, and the tree's hashes that lead from them to the signed head.
//! - [`verify()`] reads the files back and names the first thing that is wrong.

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
pub use format::{Format, UnknownFormat};
pub use proof::{Paths, Proof};
pub use row::Row;
pub use select::{BadBound, Bound, Selection};
pub use verify::{Options, Trust, Verified, VerifyError, verify};
pub use write::{ExportError, Exported, write};
