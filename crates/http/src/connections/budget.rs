//! The number of connections of a process, derived from its limit on open files, because each connection is a file.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Upper bound on connections regardless of the limit on files, because each takes memory.
const MAX_CONNECTIONS: u64 = 20_000;
/// Files for everything but connections of clients and of the database: logs, mail, webhooks, timers.
const OTHER_FILES: u64 = 128;
/// Lower bound on connections, even if the limit on files allows fewer.
const MIN_CONNECTIONS: u64 = 16;
/// Bounds of the reserve for health checks.
const MIN_RESERVE: u64 = 4;
const MAX_RESERVE: u64 = 32;
/// Upper bound on the connections of one address if none is set. Many customers of a mobile network share an address.
const MAX_PER_ADDRESS: usize = 2_000;

/// Limits on the connections of a process: plain requests, WebSockets and event streams together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Unrestricted connections.
    pub connections: usize,
    /// Unrestricted connections of one client address.
    pub per_address: usize,
    /// Additional connections that serve only health checks.
    pub reserve: usize,
}

impl Budget {
    /// Raises the limit on open files as far as the system allows, and returns the budget of this process.
    pub fn of_process(database_connections: u32, per_address: Option<usize>) -> Self {
        Self::of(raise_file_limit(), database_connections, per_address)
    }

    /// Returns the budget for a limit on open files (`None` for no limit).
    pub fn of(files: Option<u64>, database_connections: u32, per_address: Option<usize>) -> Self {
        let others = OTHER_FILES + u64::from(database_connections);
        let room = files.map_or(u64::MAX, |files| files.saturating_sub(others)).max(MIN_CONNECTIONS);
        let reserve = (room / 8).clamp(MIN_RESERVE, MAX_RESERVE);
        let connections = usize_of((room - reserve).min(MAX_CONNECTIONS));
        let per_address = per_address.unwrap_or_else(|| (connections / 4).min(MAX_PER_ADDRESS));
        Self { connections, per_address: per_address.clamp(1, connections), reserve: usize_of(reserve) }
    }

    /// Returns the limit on WebSockets and event streams; the rest is left to short requests.
    pub fn streams(self) -> usize {
        self.connections - self.connections / 4
    }

    /// Returns the limit on the reserve's connections of one client address.
    pub fn reserve_per_address(self) -> usize {
        (self.reserve / 4).max(1)
    }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Raises the limit on open files to the system's maximum; returns the resulting limit.
fn raise_file_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    if raised { maximum } else { current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derives_connections_from_the_limit_on_files() {
        for (files, connections, per_address, reserve) in [
            (Some(1_024), 855, 213, 32),
            (Some(256), 105, 26, 14),
            (Some(64), 12, 3, 4),
            (Some(1_048_576), 20_000, 2_000, 32),
            (None, 20_000, 2_000, 32),
        ] {
            let budget = Budget::of(files, 9, None);
            assert_eq!(budget, Budget { connections, per_address, reserve }, "{files:?}");
            assert!(budget.streams() < budget.connections && budget.reserve_per_address() >= 1);
        }
    }

    #[test]
    fn caps_the_configured_limit_per_address() {
        let per_address = |given| Budget::of(Some(1_024), 9, Some(given)).per_address;
        assert_eq!((per_address(0), per_address(300), per_address(9_999)), (1, 300, 855));
    }
}
