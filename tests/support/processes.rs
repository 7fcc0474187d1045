//! Real processes of the binary: `serve` on a port of its own, and its other subcommands. Each is
//! ended by its own id, at the latest with the value.

use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};

use crate::api::Api;
use crate::eventually::{eventually, within};

/// How often another port is tried when somebody took the one that was free.
const TRIES: usize = 5;

/// A process that serves the API.
#[derive(Debug)]
pub struct Process {
    child: Child,
    /// `http://127.0.0.1:<port>`.
    pub base: String,
    /// Where it writes its log, when that is kept.
    log: Option<PathBuf>,
}

/// The binary, beside which the tests are built.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    // target/<profile>/deps/it-<hash>
    let profile = test.parent().and_then(|deps| deps.parent()).expect("target/<profile>");
    let path = profile.join("ocpizza-manager");
    assert!(path.is_file(), "{} is not there: run `cargo test --workspace`", path.display());
    path
}

/// The binary on a database, with nothing else set that it reads; ended at the latest with the value.
pub fn command(database_url: &str) -> Command {
    on(Command::new(binary()), database_url)
}

/// The same, with so many files that it may open. The shell becomes the program: its id is the program's.
fn limited(database_url: &str, files: u64) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("ulimit -n {files} && exec \"$0\" \"$@\"")).arg(binary());
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

/// Runs a subcommand to its end.
#[track_caller]
pub fn run(database_url: &str, arguments: &[&str]) -> impl Future<Output = Output> {
    let mut command = command(database_url);
    command.args(arguments);
    let output = within(async move { command.output().await });
    async move { output.await.expect("the binary runs") }
}

impl Process {
    /// Starts one, and waits until it is ready.
    pub async fn serve(database_url: &str) -> Self {
        Self::serve_with(database_url, &[]).await
    }

    /// Starts one with some variables set, and waits until it is ready.
    pub async fn serve_with(database_url: &str, variables: &[(&str, &str)]) -> Self {
        Self::serve_as(database_url, variables, None, None).await
    }

    /// As [`Self::serve`], with so many files that it may open.
    pub async fn serve_with_files(database_url: &str, files: u64) -> Self {
        Self::serve_as(database_url, &[], None, Some(files)).await
    }

    /// As [`Self::serve`], with its log kept, at a level of `RUST_LOG`.
    pub async fn serve_logging(database_url: &str, level: &str) -> Self {
        Self::serve_as(database_url, &[], Some(level), None).await
    }

    /// As [`Self::serve_logging`], with some variables set.
    pub async fn serve_logging_with(database_url: &str, variables: &[(&str, &str)], level: &str) -> Self {
        Self::serve_as(database_url, variables, Some(level), None).await
    }

    async fn serve_as(
        database_url: &str,
        variables: &[(&str, &str)],
        level: Option<&str>,
        files: Option<u64>,
    ) -> Self {
        for _ in 0..TRIES {
            if let Some(process) = Self::try_serve(database_url, variables, level, files).await {
                return process;
            }
        }
        panic!("`ocpizza-manager serve` ended before it was ready, {TRIES} times");
    }

    /// Ends it, and gives what it has logged.
    pub async fn end_and_read_log(mut self) -> String {
        let path = self.log.take().expect("a log that is kept");
        self.kill().await;
        let log = std::fs::read_to_string(&path).expect("a log");
        let _ = std::fs::remove_file(path);
        log
    }

    async fn try_serve(
        database_url: &str,
        variables: &[(&str, &str)],
        level: Option<&str>,
        files: Option<u64>,
    ) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
        let mut command = match files {
            None => command(database_url),
            Some(files) => limited(database_url, files),
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

    /// Its id, as the operating system has it.
    pub fn id(&self) -> u32 {
        self.child.id().expect("it runs")
    }

    /// The memory that it has, in bytes.
    pub fn resident(&self) -> u64 {
        let path = format!("/proc/{}/status", self.id());
        let status = std::fs::read_to_string(path).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") * 1024
    }

    /// Asks it to end, as a platform does, and does not wait.
    pub async fn ask_to_end(&self) {
        let asking = format!("kill -TERM {}", self.id());
        let asked = within(Command::new("sh").args(["-c", &asking]).status()).await.expect("a shell");
        assert!(asked.success());
    }

    /// Waits until it has ended; its exit code.
    pub async fn ended(mut self) -> Option<i32> {
        within(self.child.wait()).await.expect("a child of ours").code()
    }

    /// Ends it with SIGKILL: nothing of it runs on.
    pub async fn kill(mut self) {
        within(self.child.kill()).await.expect("a child of ours");
    }
}
