//! The manual's Procfile runner from PyPI, installed once into the user's cache.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

const VERSION: &str = "2.0.0";
/// Deadline of pip.
const DEADLINE: Duration = Duration::from_secs(200);

fn cache() -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || set("HOME").map(|home| home.join(".cache"));
    set("XDG_CACHE_HOME").or_else(home).unwrap_or_else(std::env::temp_dir).join("ocpizza-manager")
}

/// Python's folder for it.
pub async fn folder() -> Result<PathBuf, String> {
    let kept = cache().join(format!("honcho-{VERSION}"));
    if kept.is_dir() {
        return Ok(kept);
    }
    // Installed aside, then renamed: another run may be installing it too.
    let aside = kept.with_extension(std::process::id().to_string());
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--target"])
        .arg(&aside)
        .arg(format!("honcho=={VERSION}"))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, pip.output()).await;
    let output = output.map_err(|_| format!("pip did not end within {DEADLINE:?}"))?;
    let output = output.map_err(|error| format!("python3 cannot be run: {error}"))?;
    if !output.status.success() {
        return Err(format!("pip: {}", String::from_utf8_lossy(&output.stderr).trim()));
    }
    if std::fs::rename(&aside, &kept).is_err() {
        let _ = std::fs::remove_dir_all(&aside);
    }
    if kept.is_dir() { Ok(kept) } else { Err(format!("{} cannot be made", kept.display())) }
}
