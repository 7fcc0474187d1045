//! Emmett's append (`@event-driven-io/emmett-postgresql`) by the script in `bench/emmett` in a Node.js process.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use bench::load::{Latencies, Watched};
use bench::{Cluster, Database, Sample};
use domain::order::OrderEvent;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::{AsyncBufRead, AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::append::command::{self, Events};

const FILES: [&str; 3] = ["package.json", "package-lock.json", "append.js"];
const PACKAGE: &str = "@event-driven-io/emmett-postgresql";
/// Deadline of npm.
const FETCHED_WITHIN: Duration = Duration::from_secs(120);

pub(crate) struct Emmett {
    /// Version of its package.
    pub version: String,
    directory: PathBuf,
    database: Database,
}

impl Emmett {
    /// Installs the packages of the lock file once.
    pub(crate) async fn prepare(cluster: &Cluster) -> Result<Self> {
        // target/<profile>/deps/performance-<hash>
        let this = std::env::current_exe()?;
        let directory = this.parent().and_then(Path::parent).context("target/<profile>/deps")?.join("emmett");
        let sources = bench::root().join("bench/emmett");
        let lock = |at: &Path| std::fs::read(at.join("package-lock.json")).ok();
        let is_there =
            directory.join("node_modules").join(PACKAGE).is_dir() && lock(&directory) == lock(&sources);
        std::fs::create_dir_all(&directory)?;
        for file in FILES {
            std::fs::copy(sources.join(file), directory.join(file))?;
        }
        if !is_there {
            fetch(&directory).await?;
        }
        let package = directory.join("node_modules").join(PACKAGE).join("package.json");
        let package: Value = serde_json::from_slice(&std::fs::read(package)?)?;
        let version = package["version"].as_str().unwrap_or_default().to_owned();
        Ok(Self { version, directory, database: cluster.bare_database().await? })
    }

    pub(crate) async fn run(&self, events: &Events, clients: usize, duration: Duration) -> Result<Sample> {
        let events: Result<Vec<Value>> = events.list().iter().map(theirs).collect();
        let task = Task {
            url: address(&self.database.url)?,
            clients,
            millis: u64::try_from(duration.as_millis())?,
            events: events?,
        };
        let mut node = Command::new("node")
            .arg("append.js")
            .arg(serde_json::to_string(&task)?)
            .current_dir(&self.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let watched =
            Watched { process: Some(node.id().unwrap_or_default()), postmaster: self.database.postmaster };
        let mut said = BufReader::new(node.stdout.take().context("its output is piped")?);
        let _: String = hear(&mut said).await?;
        let (begun, from) = (Instant::now(), watched.cpu());
        let _: String = hear(&mut said).await?;
        let (seconds, to) = (begun.elapsed().as_secs_f64(), watched.cpu());
        let micros: Vec<u64> = hear(&mut said).await?;
        node.wait().await?;
        let mut latencies = Latencies::default();
        micros.into_iter().for_each(|micros| latencies.add(Duration::from_micros(micros)));
        Ok(Sample {
            operations: latencies.count(),
            seconds,
            process_cpu: to.0 - from.0,
            postgres_cpu: to.1 - from.1,
            latencies,
        })
    }

    pub(crate) async fn end(self) -> Result<()> {
        self.database.remove().await
    }
}

#[derive(Debug, Serialize)]
struct Task {
    url: String,
    clients: usize,
    millis: u64,
    events: Vec<Value>,
}

/// One of our events in their format, with as much metadata.
fn theirs(event: &OrderEvent) -> Result<Value> {
    let mut data = serde_json::to_value(event)?;
    let event_type = data.as_object_mut().and_then(|fields| fields.remove("type"));
    let context = command::context();
    let metadata = json!({
        "actor": context.actor.id,
        "role": "SYSTEM",
        "command": command::NAME,
        "commandId": context.command_id,
        "correlationId": context.correlation_id,
    });
    Ok(json!({ "type": event_type, "data": data, "metadata": metadata }))
}

/// The database's URL for Node.js: the socket's directory as the host.
fn address(url: &str) -> Result<String> {
    let (name, parameters) = url
        .strip_prefix("postgres:///")
        .and_then(|rest| rest.split_once('?'))
        .context("the database is not on a socket")?;
    let host = parameters.split('&').find_map(|parameter| parameter.strip_prefix("host="));
    let host = host.context("the database is not on a socket")?.replace('/', "%2F");
    Ok(format!("postgresql://postgres@{host}:5432/{name}"))
}

async fn fetch(directory: &Path) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(directory)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let fetched = tokio::time::timeout(FETCHED_WITHIN, npm.output()).await.context("npm takes too long")?;
    let fetched = fetched.context("there is no npm")?;
    if !fetched.status.success() {
        bail!("npm ci: {}", String::from_utf8_lossy(&fetched.stderr).trim());
    }
    Ok(())
}

async fn hear<T: DeserializeOwned>(said: &mut (impl AsyncBufRead + Unpin)) -> Result<T> {
    let mut line = String::new();
    if said.read_line(&mut line).await? == 0 {
        bail!("Emmett's process ended");
    }
    serde_json::from_str(&line).with_context(|| format!("Emmett's process said {line}"))
}
