//! Commands to a pizzeria's closings. Time comes with them; nothing here decides.

use chrono::{DateTime, NaiveDate, Utc};

use super::{Totals, TreeHead};
use crate::ids::{LogPosition, PizzeriaId};

/// Command to the closings of one pizzeria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClosingCommand {
    /// Close a business day.
    CloseDay {
        /// The pizzeria.
        pizzeria: PizzeriaId,
        /// The day to close.
        day: NaiveDate,
        /// Position after which the day's part of the log begins: the end of the last closing.
        after: LogPosition,
        /// Last position of the day's part.
        upto: LogPosition,
        /// Figures of that part.
        totals: Totals,
        /// Latest signed head of the log's tree, if one exists.
        head: Option<TreeHead>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
