//! The clock: the only place that reads the system time.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Source of the current time; tests replace it.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub fn() -> DateTime<Utc>);

impl Clock {
    /// The system clock.
    #[allow(clippy::disallowed_methods)] // the edge: all other code receives the time
    pub fn system() -> Self {
        Self(Utc::now)
    }

    /// Returns the current time.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

/// Converts a waiting time to whole seconds, rounded up.
pub fn in_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
