//! Directories of a private server, and the user that it runs as. PostgreSQL refuses to run as root, so a server that root
//! starts runs as another user, in directories that this user can enter.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::find::Programs;
use super::output::last_line;
use super::{DATABASE, Durability, StartError, unwritable, write_file};

/// Parent of root's clusters that cannot be in the data directory. Not `/tmp` or `/var/tmp`, where any user could create it
/// first and old files are deleted.
const ROOT_HOME: &str = "/var/lib/ocpizza";

/// User that a server runs as when root starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// Returns the user that the server of a data directory runs as; `None` for that of this process. For root: the owner of the
/// cluster, else `postgres`, which the distribution's package creates, else `nobody`.
pub(super) fn server_account(data_dir: &Path) -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let home = remembered_home(data_dir).unwrap_or_else(|| data_dir.to_owned());
    let owner =
        fs::metadata(home.join("cluster")).ok().map(|data| Account { uid: data.uid(), gid: data.gid() });
    Some(owner.unwrap_or_else(unprivileged))
}

/// Conventional uid and gid of the user `nobody`, for systems without a passwd entry.
const NOBODY: Account = Account { uid: 65534, gid: 65534 };

/// Returns the user for a server that root starts and that has no cluster yet.
fn unprivileged() -> Account {
    account_named("postgres").or_else(|| account_named("nobody")).unwrap_or(NOBODY)
}

fn account_named(name: &str) -> Option<Account> {
    let id = |flag| {
        let output = Command::new("id").args([flag, name]).stderr(Stdio::null()).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    Some(Account { uid: id("-u")?, gid: id("-g")? })
}

/// Prepares a command to run as the server's user, without the `PG…` variables of the environment, in a directory that every
/// user can enter.
pub(super) fn run_as(command: &mut Command, account: Option<Account>) -> &mut Command {
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.as_encoded_bytes().starts_with(b"PG")) {
        command.env_remove(name);
    }
    if let Some(Account { uid, gid }) = account {
        // As root this also drops root's supplementary groups.
        command.uid(uid).gid(gid);
    }
    command.current_dir("/").stdin(Stdio::null())
}

/// Returns the directory named in `home`, which root writes if the server's user cannot enter the data directory.
pub(super) fn remembered_home(data_dir: &Path) -> Option<PathBuf> {
    fs::read_to_string(data_dir.join("home")).ok().map(PathBuf::from)
}

/// Returns the directory that holds the cluster: the data directory or, if the server's user cannot enter it (a checkout
/// under `/root`), another one that the data directory names.
pub(super) fn home(data_dir: &Path, account: Option<Account>) -> Result<PathBuf, StartError> {
    if let Some(home) = remembered_home(data_dir) {
        fs::create_dir_all(&home).map_err(unwritable(&home))?;
        return Ok(home);
    }
    if account.is_none() || can_enter(data_dir, account) {
        return Ok(data_dir.to_owned());
    }
    let home = Path::new(ROOT_HOME).join(short_name(data_dir));
    // A cluster here belonged to a data directory that was removed.
    remove_tree(&home)?;
    fs::create_dir_all(&home).map_err(unwritable(&home))?;
    let note = data_dir.join("home");
    write_file(&note, home.as_os_str().as_encoded_bytes())?;
    Ok(home)
}

fn can_enter(dir: &Path, account: Option<Account>) -> bool {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "cd -- \"$1\"", "sh"]).arg(dir).stdout(Stdio::null()).stderr(Stdio::null());
    run_as(&mut command, account).status().is_ok_and(|status| status.success())
}

/// Returns the major version that made the cluster; `None` if there is none.
pub(super) fn made_by(home: &Path) -> Option<u32> {
    fs::read_to_string(home.join("cluster/PG_VERSION")).ok()?.trim().parse().ok()
}

/// Creates the cluster and its database if they do not exist. The cluster is renamed when it is complete, so a killed start
/// leaves no partial one.
pub(super) fn create_if_absent(
    home: &Path,
    programs: &Programs,
    account: Option<Account>,
    durability: Durability,
) -> Result<(), StartError> {
    if made_by(home).is_some() {
        return Ok(());
    }
    let (data, new) = (home.join("cluster"), home.join("cluster.new"));
    remove_tree(&new)?;
    private_dir(&new, account).map_err(unwritable(&new))?;

    let mut initdb = Command::new(programs.dir.join("initdb"));
    initdb.arg("-D").arg(&new).args(["-U", "postgres", "-E", "UTF8", "--locale=C"]);
    // Trust on the socket is safe: only the server's user and root can enter its directory.
    initdb.args(["--auth-local=trust", "--auth-host=reject"]);
    if durability == Durability::Fast {
        initdb.arg("--no-sync");
    }
    run("initdb", run_as(&mut initdb, account), "")?;

    let mut single = Command::new(programs.dir.join("postgres"));
    single.arg("--single").arg("-D").arg(&new).args(["-c", "fsync=off", "postgres"]);
    run("postgres", run_as(&mut single, account), &format!("CREATE DATABASE {DATABASE};\n"))?;
    fs::rename(&new, &data).map_err(unwritable(&data))
}

fn run(program: &'static str, command: &mut Command, input: &str) -> Result<(), StartError> {
    let failed = |detail: String| StartError::ProgramFailed { program, detail };
    let output = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .and_then(|mut child| {
            if let Some(mut stdin) = child.stdin.take() {
                stdin.write_all(input.as_bytes())?;
            }
            child.wait_with_output()
        })
        .map_err(|error| failed(error.kind().to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(last_line(&output.stderr))) }
}

/// Returns the directory of the server's socket: the same at every start, and short, because a socket's path has at most 107
/// bytes.
pub(super) fn socket_path(data_dir: &Path) -> PathBuf {
    Path::new("/tmp").join(format!("ocpizza-{}", short_name(data_dir)))
}

/// Creates the socket's directory, which only the server's user and root can enter.
pub(super) fn socket_dir(data_dir: &Path, account: Option<Account>) -> Result<PathBuf, StartError> {
    let path = socket_path(data_dir);
    match private_dir(&path, account) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            // Left by a killed server, or created by another user to intercept connections: `/tmp` is writable for all.
            if is_private(&path, account) { Ok(path) } else { Err(StartError::SocketDirectory { path }) }
        }
        Err(source) => Err(StartError::Unwritable { path, source }),
    }
}

/// Returns whether a path is a directory, and no link, that only the server's user can enter.
pub(super) fn is_private(path: &Path, account: Option<Account>) -> bool {
    let owner = account.map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid);
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == owner && found.mode() & 0o077 == 0)
}

/// Creates a data directory that only this user can write to, whatever the umask. Root accepts an existing one only of root or
/// of the server's user: its owner determines which files root writes and which programs it runs.
pub(super) fn data_dir(path: &Path) -> Result<PathBuf, StartError> {
    fs::DirBuilder::new().recursive(true).mode(0o755).create(path).map_err(unwritable(path))?;
    let path = fs::canonicalize(path).map_err(unwritable(path))?;
    if rustix::process::geteuid().is_root() {
        let found = fs::metadata(&path).map_err(unwritable(&path))?;
        let trusted = found.uid() == 0 || found.uid() == unprivileged().uid;
        if !trusted || found.mode() & 0o022 != 0 {
            return Err(StartError::NotRoots { path });
        }
    }
    Ok(path)
}

fn private_dir(path: &Path, account: Option<Account>) -> std::io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)?;
    account.map_or(Ok(()), |Account { uid, gid }| chown(path, Some(uid), Some(gid)))
}

/// Returns twelve hexadecimal digits that identify a data directory.
fn short_name(data_dir: &Path) -> String {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..6])
}

/// Removes a directory and all below it, if it exists.
pub(super) fn remove_tree(path: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(path)(error)),
        _ => Ok(()),
    }
}
