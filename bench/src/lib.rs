//! Measuring OC Pizza-Manager side by side with what it is compared to: repetitions in turn, so that a machine
//! whose speed drifts is as fast for one as for the other; medians; CPU time of the process and of PostgreSQL;
//! and the table and plots of `docs/performance.md`.
//!
//! Figures are of one machine and one run: what holds elsewhere is their ratio.

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

/// The repository.
#[must_use]
pub fn root() -> PathBuf {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.pop();
    path
}
