//! The server's process: started so that it cannot outlive us, watched until it is ready, and stopped. Never
//! touches a process that it did not start.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cluster::{Account, run_as};
use super::find::Programs;
use super::{Durability, Options, StartError, open_file, unwritable};

/// How often a condition of the server is looked at.
pub(super) const POLL: Duration = Duration::from_millis(10);

/// After a crash the server reads its log again before it is ready.
const READY: Duration = Duration::from_secs(60);

/// A server that we started.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    exited: Receiver<std::io::Result<ExitStatus>>,
}

/// The command that runs the server, with everything it needs said on the command line: the configuration file
/// in the cluster stays as `initdb` made it.
pub(super) fn command(
    programs: &Programs,
    data: &Path,
    socket_dir: &Path,
    log: &Path,
    account: Option<Account>,
    options: &Options,
) -> Result<Command, StartError> {
    let mut command = Command::new(programs.dir.join("postgres"));
    command.arg("-D").arg(data).arg("-k").arg(socket_dir);
    let mut set = |name: &str, value: &str| {
        command.arg("-c").arg(format!("{name}={value}"));
    };
    set("listen_addresses", "");
    set("port", "5432");
    set("unix_socket_permissions", "0700");
    set("max_connections", &options.max_connections.to_string());
    if options.durability == Durability::Fast {
        set("fsync", "off");
        set("full_page_writes", "off");
        set("synchronous_commit", "off");
        set("max_wal_size", "64MB");
        set("min_wal_size", "32MB");
    }
    let log_file = open_file().truncate(true).open(log).map_err(unwritable(log))?;
    let log_copy = log_file.try_clone().map_err(unwritable(log))?;
    run_as(&mut command, account).stdout(log_file).stderr(log_copy);
    die_with_parent(&mut command);
    Ok(command)
}

/// Ctrl-C at the terminal is for us, who then stop the server last; our death, however it comes, is its fast
/// shutdown.
#[allow(
    unsafe_code,
    reason = "only a hook between fork and exec can ask the system for a signal at our death"
)]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        let hook = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            // We may have died before the line above: then no signal will come.
            let alive =
                rustix::process::getppid().is_some_and(|pid| pid.as_raw_nonzero().get() as u32 == parent);
            if alive { Ok(()) } else { Err(rustix::io::Errno::SRCH.into()) }
        };
        // SAFETY: after fork, only async-signal-safe calls are allowed: the hook makes two system calls and
        // neither allocates nor locks.
        unsafe { command.pre_exec(hook) };
    }
}

impl Server {
    /// Starts the server and waits until it accepts connections.
    pub(super) fn start(command: Command, data: &Path, log: &Path) -> Result<Self, StartError> {
        let server = Self::spawn(command)
            .map_err(|error| StartError::ProgramFailed { program: "postgres", detail: error.to_string() })?;
        let deadline = Instant::now() + READY;
        while Instant::now() < deadline {
            if server.exited.recv_timeout(POLL).is_ok() {
                let detail = fatal_line(&fs::read(log).unwrap_or_default());
                return Err(StartError::ProgramFailed { program: "postgres", detail });
            }
            if is_ready(data, server.pid) {
                return Ok(server);
            }
        }
        server.stop(Duration::ZERO);
        Err(StartError::NotReady { seconds: READY.as_secs(), log: log.to_owned() })
    }

    /// The system sends the death signal when the *thread* that forked ends, so that thread stays, and waits
    /// for the server.
    fn spawn(mut command: Command) -> std::io::Result<Self> {
        let (started_sender, started) = channel();
        let (exited_sender, exited) = channel();
        thread::Builder::new().name("private-postgres".to_owned()).spawn(move || match command.spawn() {
            Ok(mut child) => {
                // Whoever asked may be gone: the server is waited for all the same.
                let _ = started_sender.send(Ok(child.id()));
                let _ = exited_sender.send(child.wait());
            }
            Err(error) => {
                let _ = started_sender.send(Err(error));
            }
        })?;
        let pid = started.recv().map_err(std::io::Error::other)??;
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(std::io::ErrorKind::InvalidData)?;
        Ok(Self { pid, exited })
    }

    /// A fast shutdown, after `patience` an immediate one, and then no more asking. Returns when it has gone.
    pub(super) fn stop(self, patience: Duration) {
        for (signal, patience) in [
            (Signal::INT, patience),
            (Signal::QUIT, Duration::from_secs(5)),
            (Signal::KILL, Duration::from_secs(5)),
        ] {
            // A server that has already gone was waited for, and its number may be another's: no signal then.
            if self.exited.try_recv().is_ok() {
                return;
            }
            let _ = kill_process(self.pid, signal);
            if self.exited.recv_timeout(patience).is_ok() {
                return;
            }
        }
    }
}

/// Whether the server says so in the file where `pg_ctl` looks: its number on line 1, its status on line 8.
fn is_ready(data: &Path, pid: Pid) -> bool {
    let Ok(file) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = file.lines().map(str::trim);
    let is_ours = lines.next() == Some(pid.as_raw_nonzero().to_string().as_str());
    is_ours && lines.nth(6) == Some("ready")
}

/// The server that runs on a cluster, whoever started it. A number left by a crash that is another process's
/// by now is removed with its file, because PostgreSQL would refuse to start.
pub(super) fn running_pid(data: &Path) -> Option<u32> {
    let file = data.join("postmaster.pid");
    let pid: u32 = fs::read_to_string(&file).ok()?.lines().next()?.trim().parse().ok()?;
    // A server's working directory is its cluster.
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    if Some(directory) == fs::canonicalize(data).ok() {
        return Some(pid);
    }
    let _ = fs::remove_file(file);
    None
}

/// The line of a server's log that says why it gave up.
fn fatal_line(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let fatal = text.lines().rev().find_map(|line| line.split_once("FATAL:"));
    fatal.map_or_else(|| last_line(log), |(_, reason)| reason.trim().to_owned())
}

/// The last line that a program said, which is the one that says why it failed.
pub(super) fn last_line(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let line = text.lines().rev().find(|line| !line.trim().is_empty());
    line.unwrap_or("it said nothing").trim().to_owned()
}
