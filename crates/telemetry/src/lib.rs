//! Metrics and traces of a process. They never contain request data.

pub mod metrics;
pub mod traces;

pub use metrics::{METRICS, Metrics, Sample};
