//! Looks for PostgreSQL's server programs on this machine. Installs nothing.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::cluster::{Account, run_as};

/// Directory of one version's `initdb` and `postgres`, which the server's user can run.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Programs {
    pub dir: PathBuf,
    pub major: u32,
}

/// Result of the search.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Programs(Programs),
    /// Programs of other versions than the one that made the cluster.
    OtherVersion {
        made_by: u32,
        found: u32,
    },
    Nothing,
}

/// Returns directories that may hold server programs, best first: `PG_BIN_DIR`, `PATH`, `pg_config`, those of Debian (newest
/// first), downloaded ones.
pub(super) fn places(home: &Path) -> Vec<PathBuf> {
    let mut places: Vec<PathBuf> = env::var_os("PG_BIN_DIR").map(PathBuf::from).into_iter().collect();
    places.extend(env::var_os("PATH").iter().flat_map(env::split_paths));
    if let Ok(output) = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    places.extend(versions.into_iter().rev().map(|(_, bin)| bin));
    places.push(super::install::fetched_programs(home));
    // The programs are run from another directory than ours.
    places.iter().filter_map(|dir| std::path::absolute(dir).ok()).collect()
}

/// The first of `places` that holds programs which the server's user can run, of the version that made the
/// cluster when there is one.
pub(super) fn find(places: &[PathBuf], account: Option<Account>, made_by: Option<u32>) -> Found {
    let mut newest_other = None;
    for dir in places.iter().filter(|dir| dir.join("initdb").is_file() && dir.join("postgres").is_file()) {
        match (version(dir, account), made_by) {
            (Some(major), Some(made_by)) if major != made_by => newest_other = newest_other.max(Some(major)),
            (Some(major), _) => return Found::Programs(Programs { dir: dir.clone(), major }),
            (None, _) => {}
        }
    }
    match (newest_other, made_by) {
        (Some(found), Some(made_by)) => Found::OtherVersion { made_by, found },
        _ => Found::Nothing,
    }
}

/// The major version that `postgres` says it is, asked as the server's user: programs it cannot run are none.
fn version(dir: &Path, account: Option<Account>) -> Option<u32> {
    let mut command = Command::new(dir.join("postgres"));
    let output = run_as(command.arg("--version").stderr(Stdio::null()), account).output().ok()?;
    major_of(&String::from_utf8_lossy(&output.stdout))
}

/// `15` of `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; also of `16beta1` and `16devel`.
pub(super) fn major_of(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    number.split(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}
