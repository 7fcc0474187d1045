//! How many connections to the database a process may keep, of those that the plan grants to all.

/// What is kept for commands that are run beside: a migration, and one that looks (`maintenance`, a backup).
const ONE_OFF: u32 = 2;
/// What a process keeps besides its pool: the appender's connection, and the one that holds the runners' locks.
pub const BESIDE: u32 = 2;
/// The fewest of a pool: one hears notifications, and two answer.
const FEWEST: u32 = 3;

/// A plan that is too small for so many processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "OCPIZZA_MANAGER_DATABASE_CONNECTIONS is {connections}, too few for OCPIZZA_MANAGER_PROCESSES={processes}: \
     {needed} at least, or fewer processes"
)]
pub struct TooFew {
    connections: u32,
    processes: u32,
    needed: u64,
}

/// The size of a process's pool: the connections of the plan less those of two commands, shared out among the
/// processes and one more, which starts while the one that it replaces finishes; less what a process keeps
/// besides.
///
/// # Errors
/// [`TooFew`].
pub fn pool_size(connections: u32, processes: u32) -> Result<u32, TooFew> {
    let sets = u64::from(processes.max(1)) + 1;
    let needed = sets * u64::from(FEWEST + BESIDE) + u64::from(ONE_OFF);
    if u64::from(connections) < needed {
        return Err(TooFew { connections, processes, needed });
    }
    let each = u64::from(connections - ONE_OFF) / sets;
    Ok(u32::try_from(each).unwrap_or(u32::MAX) - BESIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_processes_one_more_and_two_commands_fit_the_plan() {
        for (connections, processes, size) in [(20, 1, 7), (20, 2, 4), (12, 1, 3), (22, 3, 3), (120, 4, 21)] {
            assert_eq!(pool_size(connections, processes), Ok(size), "{connections} {processes}");
            let sets = processes.max(1) + 1;
            assert!(sets * (size + BESIDE) + ONE_OFF <= connections);
        }
        for (connections, processes, needed) in
            [(20, 3, 22), (11, 1, 12), (0, 1, 12), (u32::MAX, u32::MAX, 21_474_836_482)]
        {
            let error = pool_size(connections, processes).unwrap_err();
            assert_eq!(error, TooFew { connections, processes, needed });
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
