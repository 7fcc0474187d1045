//! Audits and backups of a million events by the command line: duration and memory.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::{Database, Measure, Row, Target, Unit, binary, cpu, in_turn};
use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tempfile::TempDir;
use tokio::process::Command;

use crate::{Bench, million};

/// Events of the small log for the memory comparison.
const SMALL_LOG_EVENTS: (u64, u64) = (10_000, 1_000);
/// Allowed memory ratio for a hundred times the events.
const FLAT: f64 = 1.3;
/// Interval of reading a process's memory; the kernel keeps the peak.
const POLL: Duration = Duration::from_millis(2);

/// A command.
struct Work {
    id: &'static str,
    what: &'static str,
    command: fn(&Files, &Log) -> Vec<String>,
    /// The file that it writes and `sha256sum` reads; for other commands, the table's.
    writes: Option<&'static str>,
    /// Measured once in a full run, because it is slow.
    once: bool,
}

const WORKS: &[Work] = &[
    Work {
        id: "history-verify",
        what: "`audit verify`",
        command: |_, _| words(&["audit", "verify"]),
        writes: None,
        once: false,
    },
    Work {
        id: "history-export",
        what: "`audit export`, JSON lines",
        command: |files, _| files.export("jsonl", EXPORT),
        writes: Some(EXPORT),
        once: false,
    },
    Work {
        id: "history-export-csv",
        what: "`audit export`, CSV",
        command: |files, _| files.export("csv", EXPORT_CSV),
        writes: Some(EXPORT_CSV),
        once: true,
    },
    Work {
        id: "history-export-parquet",
        what: "`audit export`, Parquet",
        command: |files, _| files.export("parquet", EXPORT_PARQUET),
        writes: Some(EXPORT_PARQUET),
        once: true,
    },
    Work {
        id: "history-replay",
        what: "`audit replay` of the last day, policy empty",
        command: |files, log| {
            let at = |time: DateTime<Utc>| time.to_rfc3339_opts(SecondsFormat::Secs, true);
            let mut command = words(&["audit", "replay", "--from"]);
            command.extend([at(log.ends - TimeDelta::days(1)), "--to".to_owned(), at(log.ends)]);
            command.extend(["--policy".to_owned(), files.path(POLICY)]);
            command
        },
        writes: None,
        once: false,
    },
    Work {
        id: "history-backup",
        what: "`backup`",
        command: |files, _| vec!["backup".to_owned(), files.path("history.backup"), "--force".to_owned()],
        writes: None,
        once: false,
    },
];

const EXPORT: &str = "events.jsonl";
const EXPORT_CSV: &str = "events.csv";
const EXPORT_PARQUET: &str = "events.parquet";
const TABLE: &str = "events.copy";
const POLICY: &str = "policy.toml";

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// The log of the commands.
struct Log {
    url: String,
    events: f64,
    ends: DateTime<Utc>,
}

impl Log {
    async fn of(database: &Database, events: i64) -> Result<Self> {
        let sql = "SELECT recorded_at FROM event_log_head";
        let ends = sqlx::query_scalar(sql).fetch_one(&database.pool).await?;
        #[allow(clippy::cast_precision_loss)] // far below 2^52
        let events = events as f64;
        Ok(Self { url: database.url.clone(), events, ends })
    }
}

pub(crate) async fn rows(bench: &Bench) -> Result<Vec<Row>> {
    let million = bench.million().await?;
    let many = Log::of(&million.database, million.events).await?;
    let (database, events) =
        million::generated(bench, bench.length.pick(SMALL_LOG_EVENTS.0, SMALL_LOG_EVENTS.1)).await?;
    million::seal(&database).await?;
    let few = Log::of(&database, events).await?;
    let files = Files::new()?;
    let postmaster = bench.cluster.postmaster();

    let mut rows = Vec::new();
    for once in [true, false] {
        let works: Vec<&Work> = WORKS.iter().filter(|work| work.once == once).collect();
        let repetitions = if once { 1 } else { bench.length.repetitions() };
        let runs = in_turn(repetitions, works.len(), async |number| {
            let work = works[number];
            let small = run(&mut command(&files, work, &few).await?, postmaster).await?;
            let copied = copy(&files, &many, postmaster).await?;
            let ours = run(&mut command(&files, work, &many).await?, postmaster).await?;
            let hashed = hash(&files, work.writes.unwrap_or(TABLE), postmaster).await?;
            Ok::<_, anyhow::Error>(Runs { small, copied, ours, hashed })
        })
        .await?;
        rows.extend(works.into_iter().zip(runs).map(|(work, runs)| row(work, &many, &runs)));
    }
    database.remove().await?;
    // In the order of the list.
    rows.sort_by_key(|row: &Row| WORKS.iter().position(|work| work.id == row.id));
    Ok(rows)
}

/// Measured beside each other.
struct Runs {
    small: Run,
    copied: Run,
    ours: Run,
    hashed: Run,
}

fn row(work: &Work, log: &Log, runs: &[Runs]) -> Row {
    let rates = |of: fn(&Runs) -> &Run| runs.iter().map(|run| log.events / of(run).seconds).collect();
    let micros = |of: fn(&Runs) -> f64| runs.iter().map(|run| of(run) * 1e6 / log.events).collect();
    let peaks = |of: fn(&Runs) -> &Run| runs.iter().map(|run| of(run).peak).collect();
    let ours = || rates(|runs| &runs.ours);
    let memory = Measure::beside(
        "peak memory, beside a log of 10,000",
        Unit::Bytes,
        peaks(|runs| &runs.ours),
        peaks(|runs| &runs.small),
    );
    Row::new(
        work.id,
        &format!("{}, {:.0} events", work.what, log.events),
        "`COPY events TO STDOUT` into a file; `sha256sum` of the same bytes",
    )
    .with(Measure::beside("events, beside COPY", Unit::PerSecond, ours(), rates(|runs| &runs.copied)))
    .with(Measure::beside("events, beside sha256sum", Unit::PerSecond, ours(), rates(|runs| &runs.hashed)))
    .with(Measure::beside(
        "CPU of the process, beside COPY",
        Unit::CpuMicros,
        micros(|runs| runs.ours.process_cpu),
        micros(|runs| runs.copied.process_cpu),
    ))
    .with(Measure::beside(
        "CPU of PostgreSQL, beside COPY",
        Unit::CpuMicros,
        micros(|runs| runs.ours.postgres_cpu),
        micros(|runs| runs.copied.postgres_cpu),
    ))
    .with(memory.to_reach(Target::AtMost(FLAT)))
}

async fn command(files: &Files, work: &Work, log: &Log) -> Result<Command> {
    let mut command = binary::command(&log.url).await?;
    command.args((work.command)(files, log));
    Ok(command)
}

/// The whole table as text by psql.
async fn copy(files: &Files, log: &Log, postmaster: u32) -> Result<Run> {
    let mut psql = Command::new("psql");
    psql.args([&log.url, "--no-psqlrc", "--quiet", "--command", "COPY events TO STDOUT"]);
    psql.stdin(Stdio::null()).stdout(std::fs::File::create(files.path(TABLE))?);
    run(&mut psql, postmaster).await
}

async fn hash(files: &Files, name: &str, postmaster: u32) -> Result<Run> {
    let mut sha256sum = Command::new("sha256sum");
    sha256sum.arg(files.path(name)).stdin(Stdio::null()).stdout(Stdio::null());
    run(&mut sha256sum, postmaster).await
}

/// Result of a process.
struct Run {
    seconds: f64,
    process_cpu: f64,
    postgres_cpu: f64,
    /// Bytes.
    peak: f64,
}

/// Runs a process until it ends.
async fn run(command: &mut Command, postmaster: u32) -> Result<Run> {
    let name = command.as_std().get_program().to_owned();
    let before = cpu::of_family(postmaster);
    let began = Instant::now();
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("{} does not run", Path::new(&name).display()))?;
    let pid = child.id().context("it has just begun")?;
    let (mut peak, mut process_cpu) = (0.0_f64, 0.0_f64);
    let ended = loop {
        tokio::select! {
            ended = child.wait() => break ended?,
            () = tokio::time::sleep(POLL) => {
                // `None` once it has ended but was not reaped.
                #[allow(clippy::cast_precision_loss)] // far below 2^52
                let bytes = cpu::peak_bytes(pid).unwrap_or(0) as f64;
                peak = peak.max(bytes);
                process_cpu = process_cpu.max(cpu::of(pid));
            }
        }
    };
    let seconds = began.elapsed().as_secs_f64();
    if !ended.success() {
        bail!("{}: {ended}", Path::new(&name).display());
    }
    Ok(Run { seconds, process_cpu, postgres_cpu: cpu::of_family(postmaster) - before, peak })
}

/// A directory for files, removed on drop.
struct Files(TempDir);

impl Files {
    fn new() -> Result<Self> {
        // Not the system's temporary directory, which may be in memory.
        let this = Self(TempDir::new_in("/var/tmp")?);
        std::fs::write(this.path(POLICY), "")?;
        Ok(this)
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn export(&self, format: &str, file: &str) -> Vec<String> {
        let mut command = words(&["audit", "export", "--force", "--format", format, "--output"]);
        command.push(self.path(file));
        command
    }
}
