//! Closed-loop load: clients that each execute one operation after the other until the time is over.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::cpu;
use crate::repeat::Sample;

/// Latencies of operations, as counts of microseconds with three digits.
#[derive(Debug, Clone)]
pub struct Latencies(Histogram<u64>);

impl Default for Latencies {
    #[allow(clippy::expect_used)] // as its message says
    fn default() -> Self {
        Self(Histogram::new(3).expect("three digits are allowed: 0 to 5 are"))
    }
}

impl Latencies {
    /// Adds a latency.
    pub fn add(&mut self, latency: Duration) {
        // Saturating would prevent it from growing.
        let _ = self.0.record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Self) {
        // Both grow as needed.
        let _ = self.0.add(&other.0);
    }

    /// A quantile (0 to 1) in milliseconds.
    #[must_use]
    #[allow(clippy::cast_precision_loss)] // microseconds of at most hours
    pub fn quantile_millis(&self, share: f64) -> f64 {
        self.0.value_at_quantile(share) as f64 / 1e3
    }

    /// Number of operations.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.0.len()
    }
}

// As values and counts: a short private format.
impl Serialize for Latencies {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())))
    }
}

impl<'de> Deserialize<'de> for Latencies {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut this = Self::default();
        for (value, count) in Vec::<(u64, u64)>::deserialize(deserializer)? {
            let _ = this.0.record_n(value, count);
        }
        Ok(this)
    }
}

/// Processes whose CPU time is counted.
#[derive(Debug, Clone, Copy)]
pub struct Watched {
    /// The working process; `None` for this one.
    pub process: Option<u32>,
    /// PostgreSQL's postmaster.
    pub postmaster: u32,
}

impl Watched {
    /// CPU seconds of the process and of PostgreSQL.
    #[must_use]
    pub fn cpu(self) -> (f64, f64) {
        (self.process.map_or_else(cpu::of_self, cpu::of), cpu::of_family(self.postmaster))
    }
}

/// Runs `clients` loops of `operation` for `duration`, after an uncounted warm-up of a quarter of it.
///
/// `operation` gets the client's number and the number of the operation, both from 0.
pub async fn closed_loop<F>(
    clients: usize,
    duration: Duration,
    watched: Watched,
    operation: impl Fn(usize, u64) -> F + Send + Sync + 'static,
) -> Result<Sample>
where
    F: Future<Output = Result<()>> + Send,
{
    let operation = Arc::new(operation);
    let began = Instant::now() + duration / 4;
    let ends = began + duration;
    let mut running = JoinSet::new();
    for client in 0..clients {
        let operation = operation.clone();
        running.spawn(async move {
            let mut latencies = Latencies::default();
            for number in 0.. {
                let sent = Instant::now();
                if sent >= ends {
                    break;
                }
                operation(client, number).await?;
                if sent >= began && Instant::now() <= ends {
                    latencies.add(sent.elapsed());
                }
            }
            Ok::<_, anyhow::Error>(latencies)
        });
    }
    tokio::time::sleep_until(began.into()).await;
    let before = watched.cpu();
    tokio::time::sleep_until(ends.into()).await;
    let after = watched.cpu();
    let seconds = began.elapsed().as_secs_f64().max(duration.as_secs_f64());
    let mut latencies = Latencies::default();
    while let Some(client) = running.join_next().await {
        latencies.merge(&client.context("a client of the load died")??);
    }
    Ok(Sample {
        operations: latencies.count(),
        seconds,
        process_cpu: after.0 - before.0,
        postgres_cpu: after.1 - before.1,
        latencies,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_round_trip_through_json() {
        let mut latencies = Latencies::default();
        for millis in 1..=100 {
            latencies.add(Duration::from_millis(millis));
        }
        let text = serde_json::to_string(&latencies).unwrap();
        let read: Latencies = serde_json::from_str(&text).unwrap();
        assert_eq!(read.count(), 100);
        assert!((read.quantile_millis(0.5) - 50.0).abs() < 0.1, "{}", read.quantile_millis(0.5));
        assert!((read.quantile_millis(0.99) - 99.0).abs() < 0.2, "{}", read.quantile_millis(0.99));
    }
}
