//! Where a private server keeps its data and its socket, and as whom it runs. PostgreSQL refuses to run as
//! root, so a server that root starts runs as another user, in directories which that user can enter.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::find::Programs;
use super::server::last_line;
use super::{DATABASE, Durability, StartError, unwritable, write_file};

/// Where root puts a cluster that cannot lie in the data directory. Not under `/tmp` or `/var/tmp`, where any
/// user could be there first and where old files are swept away.
const ROOT_HOME: &str = "/var/lib/ocpizza";

/// The user that a server runs as when root starts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// As whom the server of this data directory runs; nothing when that is who we are. For root: the owner of the
/// cluster when there is one, else `postgres`, which the distribution's package makes, else `nobody`.
pub(super) fn server_account(data_dir: &Path) -> Option<Account> {
    if !rustix::process::geteuid().is_root() {
        return None;
    }
    let home = remembered_home(data_dir).unwrap_or_else(|| data_dir.to_owned());
    let owner =
        fs::metadata(home.join("cluster")).ok().map(|data| Account { uid: data.uid(), gid: data.gid() });
    Some(owner.unwrap_or_else(unprivileged))
}

/// The user for a server of root's that has no cluster yet.
fn unprivileged() -> Account {
    account_named("postgres")
        .or_else(|| account_named("nobody"))
        // The number that nobody has where there is no list of users.
        .unwrap_or(Account { uid: 65534, gid: 65534 })
}

fn account_named(name: &str) -> Option<Account> {
    let id = |flag| {
        let output = Command::new("id").args([flag, name]).stderr(Stdio::null()).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    Some(Account { uid: id("-u")?, gid: id("-g")? })
}

/// Prepares a command to run as the server's user, untouched by PostgreSQL settings in our environment, from a
/// directory that every user can enter.
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

/// The directory named in `home`, which root writes when the server's user cannot enter the data directory.
pub(super) fn remembered_home(data_dir: &Path) -> Option<PathBuf> {
    fs::read_to_string(data_dir.join("home")).ok().map(PathBuf::from)
}

/// The directory that holds the cluster: the data directory or, where the server's user cannot enter it (a
/// checkout under `/root`), one of its own that the data directory remembers.
pub(super) fn home(data_dir: &Path, account: Option<Account>) -> Result<PathBuf, StartError> {
    if let Some(home) = remembered_home(data_dir) {
        fs::create_dir_all(&home).map_err(unwritable(&home))?;
        return Ok(home);
    }
    if account.is_none() || can_enter(data_dir, account) {
        return Ok(data_dir.to_owned());
    }
    let home = Path::new(ROOT_HOME).join(short_name(data_dir));
    // The data directory that a cluster here belonged to was removed, and its data with it.
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

/// The major version that made the cluster, or nothing when there is no cluster yet.
pub(super) fn made_by(home: &Path) -> Option<u32> {
    fs::read_to_string(home.join("cluster/PG_VERSION")).ok()?.trim().parse().ok()
}

/// Makes the cluster and its database once. It gets its name when it is whole, so that a start that was
/// killed half-way leaves nothing to trip over.
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
    // Trust on the socket: only the server's user and root can enter its directory.
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
        .map_err(|error| failed(error.to_string()))?;
    if output.status.success() { Ok(()) } else { Err(failed(last_line(&output.stderr))) }
}

/// Where the server's socket is: a short path, because a socket's may have 107 bytes at most, and the same at
/// every start.
pub(super) fn socket_path(data_dir: &Path) -> PathBuf {
    Path::new("/tmp").join(format!("ocpizza-{}", short_name(data_dir)))
}

/// Makes the socket's directory, which nobody but the server's user (and root) can enter.
pub(super) fn socket_dir(data_dir: &Path, account: Option<Account>) -> Result<PathBuf, StartError> {
    let path = socket_path(data_dir);
    match private_dir(&path, account) {
        Ok(()) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            // Left by a server that was killed, or put there by somebody to listen in: `/tmp` is everybody's.
            if is_private(&path, account) { Ok(path) } else { Err(StartError::SocketDirectory { path }) }
        }
        Err(source) => Err(StartError::Unwritable { path, source }),
    }
}

/// Whether it is a directory of the server's user that nobody else can enter, and no link to one.
pub(super) fn is_private(path: &Path, account: Option<Account>) -> bool {
    let owner = account.map_or_else(|| rustix::process::geteuid().as_raw(), |account| account.uid);
    fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_dir() && found.uid() == owner && found.mode() & 0o077 == 0)
}

/// Makes a data directory when there is none, which nobody but us can write to, whatever the umask. Root takes
/// one that is there only from itself or from the user that a server of root's runs as: whoever writes in it
/// says which files root writes and which programs it runs.
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

/// Twelve hexadecimal digits that stand for a data directory.
fn short_name(data_dir: &Path) -> String {
    let digest = Sha256::digest(data_dir.as_os_str().as_encoded_bytes());
    hex::encode(&digest[..6])
}

/// Removes a directory and all below it; none there is fine.
pub(super) fn remove_tree(path: &Path) -> Result<(), StartError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unwritable(path)(error)),
        _ => Ok(()),
    }
}
