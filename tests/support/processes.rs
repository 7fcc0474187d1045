//! Real processes of the binary: `serve` on a free port, and the other subcommands. Each is killed by its id when
//! the value is dropped.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::api::Api;
use crate::eventually::{eventually, within};

/// Number of ports tried when another process takes the free one first.
const TRIES: usize = 5;

/// A process that serves the API.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    /// Path of its log, if it is kept.
    log: Option<PathBuf>,
}

/// Path of the binary, in the same target directory as the tests.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // target/<profile>/deps/it-<hash>
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/<profile>");
    let path = profile.join("ocpizza-manager");
    assert!(path.is_file(), "{} is not there: run `cargo test -p cli -p tests`", path.display());
    path
}

/// The binary on a database, without other settings; killed on drop.
pub fn command(database_url: &str) -> Command {
    on(Command::new(binary()), database_url)
}

/// A program with a limit on open files. The shell execs it, so their ids are equal.
fn limited(program: &Path, database_url: &str, files: u64) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(program);
    on(shell, database_url)
}

fn on(mut command: Command, database_url: &str) -> Command {
    command
        .env("DATABASE_URL", database_url)
        .env_remove("OCPIZZA_MANAGER_SETTINGS")
        .env_remove("OCPIZZA_MANAGER_KEY")
        .env_remove("ENV")
        .env("RUST_LOG", "error")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Runs a subcommand until it ends.
#[track_caller]
pub fn run(database_url: &str, arguments: &[&str]) -> impl Future<Output = Output> {
    run_program(&binary(), database_url, arguments)
}

/// As [`run`], by another build of the binary.
#[track_caller]
pub fn run_program(
    program: &Path,
    database_url: &str,
    arguments: &[&str],
) -> impl Future<Output = Output> + use<> {
    let mut command = on(Command::new(program), database_url);
    command.args(arguments);
    let output = within(async move { command.output().await });
    async move { output.await.expect("the binary runs") }
}

impl Process {
    /// Starts a process and waits until it is ready.
    pub async fn serve(database_url: &str) -> Self {
        Self::serve_with(database_url, &[]).await
    }

    /// As [`Self::serve`], with environment variables.
    pub async fn serve_with(database_url: &str, variables: &[(&str, &str)]) -> Self {
        Self::serve_as(&binary(), database_url, variables, None, None).await
    }

    /// As [`Self::serve`], by another build of the binary.
    pub async fn serve_program(program: &Path, database_url: &str) -> Self {
        Self::serve_as(program, database_url, &[], None, None).await
    }

    /// As [`Self::serve`], with a limit on open files.
    pub async fn serve_with_files(database_url: &str, files: u64) -> Self {
        Self::serve_as(&binary(), database_url, &[], None, Some(files)).await
    }

    /// As [`Self::serve`]; keeps its log at a level of `RUST_LOG`.
    pub async fn serve_logging(database_url: &str, level: &str) -> Self {
        Self::serve_as(&binary(), database_url, &[], Some(level), None).await
    }

    /// As [`Self::serve_logging`], with environment variables.
    pub async fn serve_logging_with(database_url: &str, variables: &[(&str, &str)], level: &str) -> Self {
        Self::serve_as(&binary(), database_url, variables, Some(level), None).await
    }

    async fn serve_as(
        program: &Path,
        database_url: &str,
        variables: &[(&str, &str)],
        level: Option<&str>,
        files: Option<u64>,
    ) -> Self {
        for _ in 0..TRIES {
            if let Some(process) = Self::try_serve(program, database_url, variables, level, files).await {
                return process;
            }
        }
        panic!("`ocpizza-manager serve` ended before it was ready, {TRIES} times");
    }

    /// Kills it and returns its log.
    pub async fn end_and_read_log(mut self) -> String {
        let path = self.log.take().expect("a log that is kept");
        self.kill().await;
        let log = std::fs::read_to_string(&path).expect("a log");
        let _ = std::fs::remove_file(path);
        log
    }

    async fn try_serve(
        program: &Path,
        database_url: &str,
        variables: &[(&str, &str)],
        level: Option<&str>,
        files: Option<u64>,
    ) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut command = match files {
            None => on(Command::new(program), database_url),
            Some(files) => limited(program, database_url, files),
        };
        command.arg("serve").env("PORT", port.to_string()).stdout(Stdio::null());
        command.envs(variables.iter().copied());
        let log =
            level.map(|_| std::env::temp_dir().join(format!("ocpizza-log-{}-{port}", std::process::id())));
        if let (Some(path), Some(level)) = (&log, level) {
            let file = std::fs::File::create(path).expect("a file for the log");
            command.env("RUST_LOG", level).stdout(file.try_clone().expect("a file")).stderr(file);
        }
        let child = command.spawn().expect("the binary starts");
        let mut process = Self { child, base: format!("http://127.0.0.1:{port}"), log };
        let api = Api::new(&process.base);
        let child = &mut process.child;
        let mut ended = || child.try_wait().expect("a child of ours").is_some();
        let ready = eventually("the process is ready", || {
            let ended = ended();
            let api = &api;
            async move {
                if ended {
                    return Some(false);
                }
                let answer = tokio::time::timeout(Duration::from_secs(5), api.get("/readyz")).await;
                matches!(answer, Ok(Ok(answer)) if answer.status == 200).then_some(true)
            }
        })
        .await;
        ready.then_some(process)
    }

    /// Process id.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// Resident memory in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Sends SIGTERM, as a platform does, and does not wait.
    pub async fn ask_to_end(&self) {
        let asking = format!("kill -TERM {}", self.id());
        let asked = within(Command::new("sh").args(["-c", &asking]).status()).await.expect("a shell");
        assert!(asked.success());
    }

    /// Waits until it has ended; returns its exit code.
    pub async fn ended(mut self) -> Option<i32> {
        within(self.child.wait()).await.expect("a child of ours").code()
    }

    /// Kills it with SIGKILL.
    pub async fn kill(mut self) {
        within(self.child.kill()).await.expect("a child of ours");
    }
}
