//! What a process shows to whoever watches over it: metrics, a line a request, and traces. Never what was sent.

pub mod metrics;
pub mod traces;

pub use metrics::{METRICS, Metrics, Sample};
