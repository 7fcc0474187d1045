//! Repetitions in turn.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::load::Latencies;

/// Extent of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// For figures; takes minutes.
    Full,
    /// To check that it runs, as short as possible.
    Short,
}

impl Length {
    /// One of two values by extent.
    pub fn pick<T>(self, full: T, short: T) -> T {
        match self {
            Self::Full => full,
            Self::Short => short,
        }
    }

    /// Number of repetitions.
    #[must_use]
    pub fn repetitions(self) -> usize {
        self.pick(3, 1)
    }

    /// Duration of a throughput measurement after its warm-up.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.pick(Duration::from_secs(3), Duration::from_millis(400))
    }
}

/// Result of a throughput measurement.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sample {
    /// Operations completed.
    pub operations: u64,
    /// Duration in seconds.
    pub seconds: f64,
    /// CPU seconds of the working process, including the load if it is the same process.
    pub process_cpu: f64,
    /// CPU seconds of all PostgreSQL processes.
    pub postgres_cpu: f64,
    /// Latencies.
    pub latencies: Latencies,
}

impl Sample {
    /// Operations a second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        self.operations_as_f64() / self.seconds
    }

    /// CPU of the process in microseconds an operation.
    #[must_use]
    pub fn process_micros(&self) -> f64 {
        self.process_cpu * 1e6 / self.operations_as_f64()
    }

    /// CPU of PostgreSQL in microseconds an operation.
    #[must_use]
    pub fn postgres_micros(&self) -> f64 {
        self.postgres_cpu * 1e6 / self.operations_as_f64()
    }

    #[allow(clippy::cast_precision_loss)] // far below 2^52
    fn operations_as_f64(&self) -> f64 {
        self.operations as f64
    }
}

/// Measures several subjects in turn (A B C A B C …); returns each one's values in order.
pub async fn in_turn<T, E>(
    repetitions: usize,
    things: usize,
    mut measure: impl AsyncFnMut(usize) -> Result<T, E>,
) -> Result<Vec<Vec<T>>, E> {
    let mut values: Vec<Vec<T>> = (0..things).map(|_| Vec::with_capacity(repetitions)).collect();
    for _ in 0..repetitions {
        for (thing, values) in values.iter_mut().enumerate() {
            values.push(measure(thing).await?);
        }
    }
    Ok(values)
}
