//! The reference: pgbench with prepared statements, the same rows in one INSERT of three rows, a transaction per
//! command.
//!
//! Positions are a sequence's: no transaction waits for another, but they have gaps and no order, which is less
//! than the log guarantees. Ids start with the time; payloads and metadata are parameters, as in a program.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::load::{Latencies, Watched};
use bench::{Cluster, Database, Sample};
use event_store::{EventStore, Settings};
use identity::clock::Clock;
use sqlx::Executor;
use tempfile::TempDir;
use tokio::process::Command;

use super::command::{self, Events};

/// Prefix of a stream's id, followed by 15 digits: 36 characters, as ours.
const ID: &str = "01939f5a-7c3e-7000-80";
/// First digits of a run, and the distance to the next run's; three digits are the client's.
const FIRST: u64 = 100_000_000_000;
const APART: u64 = 1_000_000_000;
/// Deadline for its clients to connect.
const CONNECTED_WITHIN: Duration = Duration::from_secs(60);

/// The table as migrated, with positions from a sequence.
pub(crate) const POSITIONS: &str = "CREATE SEQUENCE positions";

/// A stored event: type, payload and metadata.
pub(crate) type Stored = (String, String, String);

/// The stored rows of one of our commands.
pub(crate) async fn stored(cluster: &Cluster, events: &Events) -> Result<Vec<Stored>> {
    let database = cluster.database().await?;
    command::execute(&EventStore::start(database.pool.clone(), Settings::default()), events).await?;
    let sql = "SELECT event_type, payload::text, metadata::text FROM events ORDER BY position";
    let stored = sqlx::query_as(sql).fetch_all(&database.pool).await?;
    database.remove().await?;
    Ok(stored)
}

/// pgbench on its own database.
pub(crate) struct Pgbench {
    program: PathBuf,
    directory: TempDir,
    database: Database,
    stored: Vec<Stored>,
    runs: AtomicU64,
}

impl Pgbench {
    pub(crate) async fn prepare(cluster: &Cluster, stored: &[Stored]) -> Result<Self> {
        let program =
            private_postgres::program("pgbench").context("there is no pgbench beside PostgreSQL")?;
        let database = cluster.database().await?;
        database.pool.execute(POSITIONS).await?;
        let directory = TempDir::new()?;
        std::fs::write(directory.path().join("command.sql"), script(stored))?;
        Ok(Self { program, directory, database, stored: stored.to_vec(), runs: AtomicU64::new(0) })
    }

    /// Runs clients for a time after a warm-up.
    pub(crate) async fn run(&self, clients: usize, duration: Duration) -> Result<Sample> {
        // Its time starts before its clients connect.
        let mut connecting = Duration::from_secs(1) + Duration::from_millis(8) * u32::try_from(clients)?;
        while connecting < CONNECTED_WITHIN {
            if let Some(sample) = self.try_run(clients, duration, connecting).await? {
                return Ok(sample);
            }
            connecting *= 2;
        }
        bail!("the clients of pgbench do not connect within {CONNECTED_WITHIN:?}")
    }

    /// `None` if its time was over before the measurement started.
    async fn try_run(
        &self,
        clients: usize,
        duration: Duration,
        connecting: Duration,
    ) -> Result<Option<Sample>> {
        let lasts = connecting + duration * 5 / 4;
        let before = self.commands().await?;
        let mut child = self.command(clients, lasts).spawn()?;
        let watched =
            Watched { process: Some(child.id().unwrap_or_default()), postmaster: self.database.postmaster };
        while self.commands().await? == before && child.try_wait()?.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(duration / 4).await;
        let (begun, begins) = (Instant::now(), Clock::system().now().timestamp_micros());
        let (first, from) = (self.commands().await?, watched.cpu());
        tokio::time::sleep(duration).await;
        let seconds = begun.elapsed().as_secs_f64();
        let (last, to) = (self.commands().await?, watched.cpu());
        let ends = Clock::system().now().timestamp_micros();
        let was_late = child.try_wait()?.is_some();
        let ended = child.wait_with_output().await?;
        if !ended.status.success() {
            bail!("pgbench failed: {}", String::from_utf8_lossy(&ended.stderr));
        }
        let latencies = latencies(self.directory.path(), begins..ends)?;
        let sample = Sample {
            operations: last - first,
            seconds,
            process_cpu: to.0 - from.0,
            postgres_cpu: to.1 - from.1,
            latencies,
        };
        Ok((!was_late).then_some(sample))
    }

    fn command(&self, clients: usize, lasts: Duration) -> Command {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let log = self.directory.path().join(format!("run{run}"));
        let mut pgbench = Command::new(&self.program);
        pgbench
            .args(["--no-vacuum", "--protocol=prepared", "--jobs", if clients == 1 { "1" } else { "2" }])
            .args(["--client", &clients.to_string(), "--time", &lasts.as_secs_f64().ceil().to_string()])
            .arg("--log")
            .arg(format!("--log-prefix={}", log.display()))
            .arg(format!("--file={}", self.directory.path().join("command.sql").display()))
            .arg(format!("--define=n={}", FIRST + run * APART));
        for (number, (_, payload, metadata)) in self.stored.iter().enumerate() {
            pgbench.arg(format!("--define=payload{number}={payload}"));
            pgbench.arg(format!("--define=metadata={metadata}"));
        }
        pgbench.arg(&self.database.url).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        pgbench.kill_on_drop(true);
        pgbench
    }

    /// Number of transactions.
    async fn commands(&self) -> Result<u64> {
        let sql = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM positions";
        let last: i64 = sqlx::query_scalar(sql).fetch_one(&self.database.pool).await?;
        Ok(u64::try_from(last)? / 3)
    }

    pub(crate) async fn end(self) -> Result<()> {
        self.database.remove().await
    }
}

fn script(stored: &[Stored]) -> String {
    let row = |number: usize, event_type: &str| {
        format!(
            "(nextval('positions'), 'order', '{ID}' || :id::text, {}, '{event_type}', '1.0.0', now(), \
             :payload{number}::json, :metadata::json)",
            number + 1
        )
    };
    let rows: Vec<String> = stored.iter().enumerate().map(|(number, (name, ..))| row(number, name)).collect();
    format!(
        "\\set n :n + 1\n\\set id :n * 1000 + :client_id\nINSERT INTO events (position, aggregate_type, \
         aggregate_id, sequence, event_type, event_version, recorded_at, payload, metadata) VALUES {};\n",
        rows.join(", ")
    )
}

/// Latencies of the transactions within the time, in microseconds; removes the logs.
fn latencies(directory: &Path, time: std::ops::Range<i64>) -> Result<Latencies> {
    let mut latencies = Latencies::default();
    for file in std::fs::read_dir(directory)? {
        let path = file?.path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            continue;
        }
        // client, transaction, microseconds, script, then its end: seconds and microseconds
        for line in std::fs::read_to_string(&path)?.lines() {
            let fields: Vec<i64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
            let &[_, _, took, _, seconds, micros, ..] = fields.as_slice() else {
                bail!("pgbench has logged {line}")
            };
            if time.contains(&(seconds * 1_000_000 + micros)) {
                latencies.add(Duration::from_micros(u64::try_from(took)?));
            }
        }
        std::fs::remove_file(path)?;
    }
    Ok(latencies)
}
