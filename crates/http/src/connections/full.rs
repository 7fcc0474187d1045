//! The limit that a connection exceeds.

/// The limit that a connection exceeds.
#[allow(missing_docs)] // the messages describe the variants
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    #[error("too many connections are open; try again later")]
    Process,
    #[error("too many connections are open from this address; close some first")]
    Address,
}

impl Full {
    /// Sets the counters of refused connections to zero, so that the first refusal shows as a change.
    pub fn begin_counters() {
        for full in [Self::Process, Self::Address] {
            metrics::counter!("ocpizza_connections_refused_total", "by" => full.by()).absolute(0);
        }
    }

    /// Returns the label of the limit in metrics.
    pub fn by(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Address => "address",
        }
    }
}
