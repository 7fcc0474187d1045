//! Measures OC Pizza-Manager beside references: repetitions in turn, so that drift of the machine affects both
//! equally; medians; CPU time of the process and of PostgreSQL; and the table and plots of `docs/performance.md`.
//!
//! Figures hold for one machine and one run; their ratios hold elsewhere.

pub mod binary;
pub mod cpu;
pub mod document;
pub mod figures;
pub mod http;
pub mod load;
pub mod machine;
pub mod plot;
pub mod postgres;
pub mod repeat;
pub mod websocket;
pub mod worker;

use std::path::PathBuf;

pub use figures::{Measure, Row, Target, Unit};
pub use postgres::{Cluster, Database, Disk};
pub use repeat::{Length, Sample, in_turn};
pub use worker::Worker;

/// Root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}
