//! The clients' packages by the lock file, installed once into the user's cache, where other checkouts and runs
//! find them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// Deadline of npm.
const DEADLINE: Duration = Duration::from_secs(400);

/// This folder.
pub(crate) fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".cache"));
    set("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir).join("ocpizza-manager")
}

/// Folder `node_modules` for the lock file; the error says why it cannot be installed.
pub(crate) async fn modules() -> Result<PathBuf, String> {
    let read = |name: &str| fs::read(sources().join(name)).map_err(|error| format!("{name}: {error}"));
    let (package, lock) = (read("package.json")?, read("package-lock.json")?);
    let hash: String = Sha256::digest(&lock).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let kept = cache().join(format!("clients-{hash}"));
    let modules = kept.join("node_modules");
    if modules.is_dir() {
        return Ok(modules);
    }
    // Installed aside, then renamed: another run may be installing it too.
    let aside = kept.with_extension(std::process::id().to_string());
    let wrote = fs::create_dir_all(&aside)
        .and_then(|()| fs::write(aside.join("package.json"), package))
        .and_then(|()| fs::write(aside.join("package-lock.json"), lock));
    wrote.map_err(|error| format!("{}: {error}", aside.display()))?;
    eprintln!("Installing the clients' packages into {} …", kept.display());
    let installed = install(&aside).await;
    if installed.is_ok() && fs::rename(&aside, &kept).is_ok() {
        return Ok(modules);
    }
    let _ = fs::remove_dir_all(&aside);
    if modules.is_dir() { Ok(modules) } else { Err(installed.err().unwrap_or_else(|| "npm".to_owned())) }
}

async fn install(folder: &Path) -> Result<(), String> {
    let mut npm = tokio::process::Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, npm.output()).await;
    let output = output.map_err(|_| format!("`npm ci` did not end within {DEADLINE:?}"))?;
    let output = output.map_err(|error| format!("`npm ci` cannot be run: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaints = String::from_utf8_lossy(&output.stderr);
    Err(format!("`npm ci` could not fetch the packages: {}", complaints.trim()))
}
