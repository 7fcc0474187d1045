//! What can be asked of one pizzeria.

use chrono::{DateTime, Utc, Weekday};

use super::events::{Changes, Opening};
use super::hours::WeeklyHours;

/// A command to one pizzeria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PizzeriaCommand {
    /// Open it.
    Open {
        /// As what.
        opening: Box<Opening>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Change something about it.
    Update {
        /// What.
        changes: Changes,
        /// The hours of some days; those of other days stay.
        days: WeeklyHours,
        /// Days on which it is closed from now on.
        closed: Vec<Weekday>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Take no orders for now; a pause that is running gets another end or reason.
    Pause {
        /// Why.
        reason: String,
        /// Until when.
        until: Option<DateTime<Utc>>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Take orders again.
    Resume {
        /// Now.
        now: DateTime<Utc>,
    },
}
