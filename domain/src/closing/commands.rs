//! What can be asked of a pizzeria's closings.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Totals, TreeHead};
use crate::ids::{LogPosition, PizzeriaId};

/// A command to the closings of one pizzeria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosingCommand {
    /// Close a business day.
    CloseDay {
        /// Where.
        pizzeria: PizzeriaId,
        /// Which day.
        day: NaiveDate,
        /// The position that the day's part of the log begins after: where the last closing ended.
        after: LogPosition,
        /// The last position of the day's part.
        upto: LogPosition,
        /// What happened in that part.
        totals: Totals,
        /// The latest signed head of the log's tree, if there is one.
        head: Option<TreeHead>,
        /// Now.
        now: DateTime<Utc>,
    },
}
