//! The clock at the edge: the only place that asks what time it is.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Says what time it is. Tests give their own.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub fn() -> DateTime<Utc>);

impl Clock {
    /// The system's clock.
    #[allow(clippy::disallowed_methods)] // this is the edge: everything else is told the time
    pub fn system() -> Self {
        Self(Utc::now)
    }

    /// Now.
    pub fn now(&self) -> DateTime<Utc> {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

/// A time to wait, in whole seconds, rounded up.
pub fn in_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}
