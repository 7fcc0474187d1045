//! The share of one process in the connections that the database grants to all.

/// Connections kept for commands: a migration, and another one (`maintenance`, a backup).
const COMMAND_CONNECTIONS: u32 = 2;
/// Connections of a process besides its pool: the appender's, and the one that holds the runners' locks.
pub const CONNECTIONS_BESIDE_POOL: u32 = 2;
/// Smallest pool: one connection listens for notifications, two answer.
const MIN_POOL_SIZE: u32 = 3;

/// The database grants too few connections for the processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "OCPIZZA_MANAGER_DATABASE_CONNECTIONS must be at least {needed} for OCPIZZA_MANAGER_PROCESSES={processes}, not \
     {connections}: raise it, or lower the number of processes"
)]
pub struct TooFewConnections {
    connections: u32,
    processes: u32,
    needed: u64,
}

/// Returns the size of a process's pool: the granted connections less those of commands, divided by the processes and
/// one more, which starts while the one it replaces finishes; less those that a process has besides its pool.
///
/// # Errors
/// [`TooFewConnections`].
pub fn pool_size(connections: u32, processes: u32) -> Result<u32, TooFewConnections> {
    let sets = u64::from(processes.max(1)) + 1;
    let needed = sets * u64::from(MIN_POOL_SIZE + CONNECTIONS_BESIDE_POOL) + u64::from(COMMAND_CONNECTIONS);
    if u64::from(connections) < needed {
        return Err(TooFewConnections { connections, processes, needed });
    }
    let each = u64::from(connections - COMMAND_CONNECTIONS) / sets;
    Ok(u32::try_from(each).unwrap_or(u32::MAX) - CONNECTIONS_BESIDE_POOL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_one_more_and_two_commands_fit_the_granted_connections() {
        for (connections, processes, size) in [(20, 1, 7), (20, 2, 4), (12, 1, 3), (22, 3, 3), (120, 4, 21)] {
            assert_eq!(pool_size(connections, processes), Ok(size), "{connections} {processes}");
            let sets = processes.max(1) + 1;
            assert!(sets * (size + CONNECTIONS_BESIDE_POOL) + COMMAND_CONNECTIONS <= connections);
        }
        for (connections, processes, needed) in
            [(20, 3, 22), (11, 1, 12), (0, 1, 12), (u32::MAX, u32::MAX, 21_474_836_482)]
        {
            let error = pool_size(connections, processes).unwrap_err();
            assert_eq!(error, TooFewConnections { connections, processes, needed });
            assert_eq!(error.to_string().lines().count(), 1);
        }
    }
}
