//! The machine and versions of a run.

use std::fs;
use std::process::Command;

/// Processors, memory and kernel in one line.
#[must_use]
pub fn describe() -> String {
    let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let models: Vec<&str> =
        processors.lines().filter(|line| line.starts_with("model name")).filter_map(after_colon).collect();
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = memory.lines().find(|line| line.starts_with("MemTotal")).and_then(after_colon);
    let kib = kib.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or_default();
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let model = models.first().copied().unwrap_or("unknown");
    format!(
        "{} × {model}, {} GiB of memory, Linux {}",
        models.len(),
        kib.div_ceil(1024 * 1024),
        kernel.trim()
    )
}

/// Version of the compiler.
#[must_use]
pub fn versions() -> String {
    said_by("rustc", &["--version"])
}

/// Commit of the checkout, with a mark if it has changes.
#[must_use]
pub fn commit() -> String {
    said_by("git", &["describe", "--always", "--dirty"])
}

fn after_colon(line: &str) -> Option<&str> {
    line.split_once(':').map(|(_, value)| value.trim())
}

fn said_by(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(crate::root()).output();
    let said = output.ok().filter(|output| output.status.success());
    said.map_or_else(
        || format!("{program} is not here"),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
