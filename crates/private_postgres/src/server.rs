//! The server's process: started so that it ends with this process, watched until it is ready, and stopped. Never signals a
//! process that it did not start.

use std::fs;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::cluster::{Account, run_as};
use super::find::Programs;
use super::output::last_line;
use super::{Durability, Options, StartError, open_file, unwritable};

/// Time between two reads of the server's state.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Time within which the server must be ready; after a crash it replays its log first.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// A server that this process started.
#[derive(Debug)]
pub(super) struct Server {
    pid: Pid,
    exited: Receiver<std::io::Result<ExitStatus>>,
}

/// Returns the command that runs the server. All settings are on the command line: the cluster's configuration file stays as
/// `initdb` wrote it.
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

/// Puts the server in a process group of its own, so that Ctrl-C at the terminal does not stop it, and makes the death of
/// this process its fast shutdown.
#[allow(unsafe_code, reason = "only a hook between fork and exec can request a signal at the parent's death")]
fn die_with_parent(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
    #[cfg(target_os = "linux")]
    {
        let parent = std::process::id();
        let hook = move || {
            rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
            // If the parent died before the line above, no signal will arrive.
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
        let server = Self::spawn(command).map_err(|error| StartError::ProgramFailed {
            program: "postgres",
            detail: error.kind().to_string(),
        })?;
        let deadline = Instant::now() + READY_TIMEOUT;
        while Instant::now() < deadline {
            if server.exited.recv_timeout(POLL_INTERVAL).is_ok() {
                let detail = fatal_line(&fs::read(log).unwrap_or_default());
                return Err(StartError::ProgramFailed { program: "postgres", detail });
            }
            if is_ready(data, server.pid) {
                return Ok(server);
            }
        }
        server.stop(Duration::ZERO);
        Err(StartError::NotReady { seconds: READY_TIMEOUT.as_secs(), log: log.to_owned() })
    }

    /// Spawns the server from a thread that waits for it: the system sends the death signal when the *thread* that forked ends.
    fn spawn(mut command: Command) -> std::io::Result<Self> {
        let (started_sender, started) = channel();
        let (exited_sender, exited) = channel();
        thread::Builder::new().name("private-postgres".to_owned()).spawn(move || match command.spawn() {
            Ok(mut child) => {
                // The receiver may be gone; the server is waited for anyway.
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

    /// Shuts the server down: fast, after `timeout` immediately, and then by a kill. Returns when it has ended.
    pub(super) fn stop(self, timeout: Duration) {
        for (signal, timeout) in [
            (Signal::INT, timeout),
            (Signal::QUIT, Duration::from_secs(5)),
            (Signal::KILL, Duration::from_secs(5)),
        ] {
            // An ended server was waited for, and its pid may belong to another process: no signal then.
            if self.exited.try_recv().is_ok() {
                return;
            }
            let _ = kill_process(self.pid, signal);
            if self.exited.recv_timeout(timeout).is_ok() {
                return;
            }
        }
    }
}

/// Returns whether the server is ready, from the file that `pg_ctl` reads: the pid on line 1, the status on line 8.
fn is_ready(data: &Path, pid: Pid) -> bool {
    let Ok(file) = fs::read_to_string(data.join("postmaster.pid")) else { return false };
    let mut lines = file.lines().map(str::trim);
    let is_ours = lines.next() == Some(pid.as_raw_nonzero().to_string().as_str());
    is_ours && lines.nth(6) == Some("ready")
}

/// Returns the pid of the server that runs on a cluster. A pid file left by a crash is removed if the pid belongs to another
/// process by now, because PostgreSQL would refuse to start.
pub(super) fn running_pid(data: &Path) -> Option<u32> {
    let file = data.join("postmaster.pid");
    let pid: u32 = fs::read_to_string(&file).ok()?.lines().next()?.trim().parse().ok()?;
    // The working directory of a server is its cluster.
    let directory = fs::read_link(format!("/proc/{pid}/cwd")).ok()?;
    if Some(directory) == fs::canonicalize(data).ok() {
        return Some(pid);
    }
    let _ = fs::remove_file(file);
    None
}

/// Returns the line of a server's log that names the cause of its end.
fn fatal_line(log: &[u8]) -> String {
    let text = String::from_utf8_lossy(log);
    let fatal = text.lines().rev().find_map(|line| line.split_once("FATAL:"));
    fatal.map_or_else(|| last_line(log), |(_, reason)| reason.trim().to_owned())
}
