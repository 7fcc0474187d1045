//! Metrics of the write path. Handles are cached, so that no command looks one up in the recorder.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use metrics::{Counter, Histogram};

use crate::command::CommandResult;
use crate::error::StoreError;

/// Target of spans that only traces use: without traces they cost nothing.
pub const SPANS: &str = "ocpizza::spans";

/// How a command ended.
#[derive(Debug, Clone, Copy)]
enum Ending {
    Stored,
    Unchanged,
    Refused,
    Conflict,
    Overloaded,
    Unavailable,
    Failed,
}

impl Ending {
    const ALL: [Self; 7] = [
        Self::Stored,
        Self::Unchanged,
        Self::Refused,
        Self::Conflict,
        Self::Overloaded,
        Self::Unavailable,
        Self::Failed,
    ];

    fn of(result: &Result<CommandResult, StoreError>) -> Self {
        match result {
            Ok(result) if result.refusal.is_some() => Self::Refused,
            Ok(result) if result.position.is_some() => Self::Stored,
            Ok(_) => Self::Unchanged,
            Err(StoreError::Conflict) => Self::Conflict,
            Err(StoreError::Overloaded) => Self::Overloaded,
            Err(StoreError::Unavailable(_)) => Self::Unavailable,
            Err(
                StoreError::Unreadable { .. }
                | StoreError::Foreign(_)
                | StoreError::Convert(_)
                | StoreError::Unsettled(_),
            ) => Self::Failed,
        }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::Overloaded => "overloaded",
            Self::Unavailable => "unavailable",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug)]
struct OfCommand {
    seconds: Histogram,
    endings: [Counter; Ending::ALL.len()],
}

impl OfCommand {
    fn new(command: &'static str) -> Self {
        let ending = |ending: Ending| metrics::counter!("ocpizza_commands_total", "command" => command, "outcome" => ending.as_str());
        Self {
            seconds: metrics::histogram!("ocpizza_command_seconds", "command" => command),
            endings: Ending::ALL.map(ending),
        }
    }
}

/// Handles of the write path's metrics. Clones share them.
#[derive(Debug, Clone)]
pub(crate) struct StoreMetrics {
    pub batch_commands: Histogram,
    pub batch_events: Histogram,
    pub batch_seconds: Histogram,
    pub conflicts: Counter,
    pub events: Counter,
    commands: Arc<RwLock<HashMap<&'static str, OfCommand>>>,
}

impl StoreMetrics {
    /// Registers the metrics with the current recorder.
    pub fn new() -> Self {
        Self {
            batch_commands: metrics::histogram!("ocpizza_append_batch_commands"),
            batch_events: metrics::histogram!("ocpizza_append_batch_events"),
            batch_seconds: metrics::histogram!("ocpizza_append_batch_seconds"),
            conflicts: metrics::counter!("ocpizza_append_conflicts_total"),
            events: metrics::counter!("ocpizza_events_appended_total"),
            commands: Arc::default(),
        }
    }

    /// Counts a finished command. Names are those of the domain's use cases: a bounded set of labels.
    pub fn command(&self, name: &'static str, result: &Result<CommandResult, StoreError>, took: Duration) {
        let count = |of: &OfCommand| {
            of.seconds.record(took.as_secs_f64());
            of.endings[Ending::of(result) as usize].increment(1);
        };
        if let Some(of) = self.commands.read().unwrap_or_else(PoisonError::into_inner).get(name) {
            return count(of);
        }
        let mut commands = self.commands.write().unwrap_or_else(PoisonError::into_inner);
        count(commands.entry(name).or_insert_with(|| OfCommand::new(name)));
    }
}

/// Converts a length to a metric value.
pub(crate) fn count(len: usize) -> f64 {
    u32::try_from(len).map_or(f64::from(u32::MAX), f64::from)
}
