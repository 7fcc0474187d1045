//! The operator's shell: one bash for the whole manual, so that variables and processes stay for later commands.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Deadline of a command; long, because machines are shared.
const COMMAND_DEADLINE: Duration = Duration::from_secs(180);
/// Marker that the shell prints after each command, with its exit code.
const DONE: &str = "==the-command-is-over==";

/// A shell; everything that it started ends with the value.
#[derive(Debug)]
pub struct Shell {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

/// Result of a command.
#[derive(Debug)]
pub struct Done {
    /// Exit code.
    pub code: i32,
    /// Output on stdout and stderr.
    pub lines: Vec<String>,
}

impl Shell {
    /// Starts a shell in a folder with some variables, and no other setting of the program.
    pub fn start(folder: &Path, variables: &[(&str, &str)]) -> std::io::Result<Self> {
        let mut child = Command::new("bash")
            .args(["--noprofile", "--norc"])
            .current_dir(folder)
            .env_clear()
            .envs(variables.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        let stdout = child.stdout.take().ok_or(std::io::ErrorKind::BrokenPipe)?;
        Ok(Self { child, stdin, lines: BufReader::new(stdout).lines() })
    }

    /// Runs a command until it ends; one that ends with `&` continues.
    pub async fn run(&mut self, command: &str) -> std::io::Result<Done> {
        let script = format!("{{ {command}\n}} 2>&1 </dev/null; printf '\\n{DONE} %s\\n' \"$?\"\n");
        self.stdin.write_all(script.as_bytes()).await?;
        let read = async {
            let mut lines = Vec::new();
            while let Some(line) = self.lines.next_line().await? {
                if let Some(code) = line.strip_prefix(DONE) {
                    // The marker's empty line, unless the output did not end with a newline.
                    if lines.last().is_some_and(String::is_empty) {
                        lines.pop();
                    }
                    return Ok(Done { code: code.trim().parse().unwrap_or(-1), lines });
                }
                lines.push(line);
            }
            Err(std::io::ErrorKind::UnexpectedEof.into())
        };
        tokio::time::timeout(COMMAND_DEADLINE, read).await.map_err(|_| std::io::ErrorKind::TimedOut)?
    }
}

/// Processes of this machine, each with its parent.
fn parents() -> Vec<(i32, i32)> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let parent = |id: i32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        // After the name, which may contain any character: the state, then the parent.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
    };
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter_map(|id| Some((id, parent(id)?))).collect()
}

/// A process and its descendants.
fn descendants(id: i32) -> Vec<i32> {
    let all = parents();
    let mut found = vec![id];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(all.iter().filter(|(_, of)| *of == parent).map(|(id, _)| id));
        next += 1;
    }
    found
}

impl Drop for Shell {
    /// The Procfile runner gives each process its own group: they are ended one by one.
    fn drop(&mut self) {
        let Some(id) = self.child.id().and_then(|id| i32::try_from(id).ok()) else { return };
        for process in descendants(id).into_iter().filter_map(Pid::from_raw) {
            let _ = kill_process(process, Signal::KILL);
        }
    }
}
