//! Commands to one pizzeria. Time comes with them; nothing here decides.

use chrono::{DateTime, Utc, Weekday};

use super::events::{Changes, Opening};
use super::hours::WeeklyHours;
use crate::note::Reason;

/// Command to one pizzeria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PizzeriaCommand {
    /// Open the pizzeria.
    Open {
        /// Opening data.
        opening: Box<Opening>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change the pizzeria's data.
    Update {
        /// Changed values.
        changes: Changes,
        /// Hours of some days; other days keep theirs.
        days: WeeklyHours,
        /// Days without opening hours.
        closed: Vec<Weekday>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Pause orders, or change the end or reason of a running pause.
    Pause {
        /// Reason.
        reason: Reason,
        /// End of the pause; `None` if it lasts until resumed.
        until: Option<DateTime<Utc>>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Take orders again.
    Resume {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
