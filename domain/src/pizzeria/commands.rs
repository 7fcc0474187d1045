//! What can be asked of one pizzeria.

use chrono::{DateTime, Utc};

use super::events::{Changes, Opening};

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
        /// Now.
        now: DateTime<Utc>,
    },
    /// Take no orders for now.
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
