//! Workers: this program started as another process, as a measured server or a part of the load.

use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};

/// A worker, killed on drop. It also ends at the end of its standard input.
#[derive(Debug)]
pub struct Worker {
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Worker {
    /// Starts a worker by name (listed in `bench/rows/main.rs`) with its task.
    pub fn start(name: &str, task: &impl Serialize) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--worker", name, &serde_json::to_string(task)?])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let answers = BufReader::new(child.stdout.take().context("its output is piped")?);
        Ok(Self { child, answers })
    }

    /// Process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id().unwrap_or_default()
    }

    /// Waits for its next message, one line of JSON; see [`say`].
    pub async fn hear<T: DeserializeOwned>(&mut self) -> Result<T> {
        let mut line = String::new();
        if self.answers.read_line(&mut line).await? == 0 {
            bail!("a worker ended: {}", self.child.wait().await?);
        }
        serde_json::from_str(&line).with_context(|| format!("a worker said {line}"))
    }

    /// Ends it.
    pub async fn end(mut self) -> Result<()> {
        self.child.start_kill()?;
        self.child.wait().await?;
        Ok(())
    }
}

/// Sends a message to the process that started this worker.
#[allow(clippy::print_stdout)] // what its parent reads
pub fn say(value: &impl Serialize) -> Result<()> {
    println!("{}", serde_json::to_string(value)?);
    Ok(())
}

/// Returns when the process that started this worker has ended.
pub async fn until_left_alone() {
    let mut input = tokio::io::stdin();
    let _ = tokio::io::copy(&mut input, &mut tokio::io::sink()).await;
}
