//! Several processes on one log: workers with an event store each.

use std::time::Duration;

use anyhow::{Result, ensure};
use bench::load::Latencies;
use bench::worker::say;
use bench::{Cluster, Database, Row, Sample, Target, Worker, in_turn};
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgPoolOptions;

use crate::Bench;
use crate::append::command::Events;
use crate::append::ours;

/// Name of the worker.
pub(crate) const WORKER: &str = "append";

/// Task of a worker.
#[derive(Debug, Serialize, Deserialize)]
struct Task {
    url: String,
    postmaster: u32,
    clients: usize,
    millis: u64,
}

pub(crate) async fn work(task: String) -> Result<()> {
    telemetry::metrics::record();
    let Task { url, postmaster, clients, millis } = serde_json::from_str(&task)?;
    let pool = PgPoolOptions::new().max_connections(20).connect_lazy(&url)?;
    let sample = ours(&pool, postmaster, &Events::read()?, clients, Duration::from_millis(millis)).await?;
    say(&sample)
}

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let samples = in_turn(bench.length.repetitions(), 2, async |thing| {
        let workers: &[usize] = if thing == 0 { &[64, 64] } else { &[128] };
        measure(&bench.cluster, workers, bench.length.duration()).await
    });
    let samples = samples.await?;
    let row = Row::new(
        "processes-two",
        "commands of three events to fresh streams, by two processes on one database, 64 clients each",
        "one process, 128 clients",
    );
    Ok(vec![row.with_throughput("commands", &samples[0], &samples[1], Some(Target::AtLeast(0.8)))])
}

/// Result of concurrent workers with several clients each; checks that the log has no gap.
async fn measure(cluster: &Cluster, workers: &[usize], duration: Duration) -> Result<Sample> {
    let database = cluster.database().await?;
    let start = |clients: &usize| {
        let task = Task {
            url: database.url.clone(),
            postmaster: database.postmaster,
            clients: *clients,
            millis: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
        };
        Worker::start(WORKER, &task)
    };
    let started: Result<Vec<Worker>> = workers.iter().map(start).collect();
    let mut samples: Vec<Sample> = Vec::new();
    for mut worker in started? {
        samples.push(worker.hear().await?);
        worker.end().await?;
    }
    ensure_whole(&database).await?;
    database.remove().await?;
    let mut latencies = Latencies::default();
    samples.iter().for_each(|sample| latencies.merge(&sample.latencies));
    let most = |of: fn(&Sample) -> f64| samples.iter().map(of).fold(0.0, f64::max);
    Ok(Sample {
        operations: samples.iter().map(|sample| sample.operations).sum(),
        seconds: most(|sample| sample.seconds),
        process_cpu: samples.iter().map(|sample| sample.process_cpu).sum(),
        // Each worker saw all CPU of PostgreSQL during the same time.
        postgres_cpu: most(|sample| sample.postgres_cpu),
        latencies,
    })
}

async fn ensure_whole(database: &Database) -> Result<()> {
    let (events, first, last, head): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT count(*), min(position), max(position), (SELECT position FROM event_log_head) FROM events",
    )
    .fetch_one(&database.pool)
    .await?;
    // Positions are unique: as many events as positions leave no gap.
    ensure!(
        first == 1 && last == events && head == events,
        "{events} events are at positions {first} to {last}, and the head is at {head}"
    );
    Ok(())
}
