//! How many connections a process may have, derived from the number of files that it may open: each connection
//! is one. Counts nothing itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Upper bound on connections, however many files the process may open: each takes memory too.
const MAX_CONNECTIONS: u64 = 20_000;
/// Files that a process needs besides connections of clients and of the database: logs, mail, webhooks, timers.
const OTHER_FILES: u64 = 128;
/// Fewest connections, where the limit on files leaves less.
const MIN_CONNECTIONS: u64 = 16;
/// Bounds of the reserve for health checks.
const MIN_RESERVE: u64 = 4;
const MAX_RESERVE: u64 = 32;
/// Upper bound on the connections of one address where none is set. Many customers of a mobile network share one.
const MAX_PER_ADDRESS: usize = 2_000;

/// The connections of a process: plain requests, WebSockets and event streams together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Connections that are served in full.
    pub connections: usize,
    /// How many of these one client address may have.
    pub per_address: usize,
    /// Connections beyond these that are served health checks only.
    pub reserve: usize,
}

impl Budget {
    /// The budget of this process, once its limit on open files is raised as far as the system allows.
    pub fn of_process(database_connections: u32, per_address: Option<usize>) -> Self {
        Self::of(raise_file_limit(), database_connections, per_address)
    }

    /// The budget of a process that may open so many files (`None` for no limit), of which the database has its part.
    pub fn of(files: Option<u64>, database_connections: u32, per_address: Option<usize>) -> Self {
        let others = OTHER_FILES + u64::from(database_connections);
        let room = files.map_or(u64::MAX, |files| files.saturating_sub(others)).max(MIN_CONNECTIONS);
        let reserve = (room / 8).clamp(MIN_RESERVE, MAX_RESERVE);
        let connections = usize_of((room - reserve).min(MAX_CONNECTIONS));
        let per_address = per_address.unwrap_or_else(|| (connections / 4).min(MAX_PER_ADDRESS));
        Self { connections, per_address: per_address.clamp(1, connections), reserve: usize_of(reserve) }
    }

    /// How many connections may be WebSockets and event streams; the rest is for requests that end.
    pub fn streams(self) -> usize {
        self.connections - self.connections / 4
    }

    /// How many connections of the reserve one client address may have.
    pub fn reserve_per_address(self) -> usize {
        (self.reserve / 4).max(1)
    }
}

fn usize_of(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Raises the limit on open files to the highest that the system allows; returns the limit that then holds.
fn raise_file_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).is_ok();
    if raised { maximum } else { current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_follow_the_limit_on_files_and_leave_room_for_the_rest() {
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
    fn a_bound_that_is_set_holds_as_far_as_there_are_connections() {
        let per_address = |given| Budget::of(Some(1_024), 9, Some(given)).per_address;
        assert_eq!((per_address(0), per_address(300), per_address(9_999)), (1, 300, 855));
    }
}
