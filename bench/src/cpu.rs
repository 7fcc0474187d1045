//! CPU time of processes, as Linux counts it (`proc(5)`), in hundredths of a second.

use std::fs;
use std::path::Path;

/// `sysconf(_SC_CLK_TCK)`: 100 on every supported platform.
const TICKS_A_SECOND: f64 = 100.0;

/// User and system seconds of a process and of its reaped children; 0 if it does not exist.
#[must_use]
pub fn of(pid: u32) -> f64 {
    stat(pid).map_or(0.0, |stat| stat.own + stat.ended_children)
}

/// Seconds of this process.
#[must_use]
pub fn of_self() -> f64 {
    stat(std::process::id()).map_or(0.0, |stat| stat.own)
}

/// Seconds of a process and its present and ended children: of PostgreSQL, given its postmaster.
#[must_use]
pub fn of_family(parent: u32) -> f64 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0.0 };
    let children = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .filter(|stat| stat.parent == parent)
        .map(|stat| stat.own + stat.ended_children)
        .sum::<f64>();
    of(parent) + children
}

/// Resident memory of a process in bytes; `None` if it does not exist.
#[must_use]
pub fn resident_bytes(pid: u32) -> Option<u64> {
    status_kib(pid, "VmRSS:")
}

/// Peak resident memory of a process in bytes; `None` if it does not exist.
#[must_use]
pub fn peak_bytes(pid: u32) -> Option<u64> {
    status_kib(pid, "VmHWM:")
}

fn status_kib(pid: u32, name: &str) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

struct Stat {
    parent: u32,
    own: f64,
    ended_children: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let stat = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    // The second field is the program's name in parentheses, which may contain any character.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Field 3 of the manual is the first here.
    let field = |number: usize| fields.get(number - 3).copied();
    let seconds = |number| field(number)?.parse::<f64>().ok().map(|ticks| ticks / TICKS_A_SECOND);
    Some(Stat {
        parent: field(4)?.parse().ok()?,
        own: seconds(14)? + seconds(15)?,
        ended_children: seconds(16)? + seconds(17)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_cpu_time_of_work() {
        let before = of_self();
        let mut sum = 0_u64;
        while of_self() < before + 0.03 {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        assert!(of(std::process::id()) >= before + 0.03);
    }

    #[test]
    fn an_unknown_process_has_used_nothing() {
        assert_eq!((of(u32::MAX), resident_bytes(u32::MAX)), (0.0, None));
    }

    #[test]
    fn reads_the_memory_of_this_process() {
        let pid = std::process::id();
        assert!(resident_bytes(pid).unwrap() > 0);
        assert!(peak_bytes(pid).unwrap() >= resident_bytes(pid).unwrap() / 2);
    }
}
