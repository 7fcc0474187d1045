//! Why a day is not closed.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

/// A refusal by a pizzeria's closings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ClosingError {
    /// This day or a later one is closed: nothing is closed twice, nor out of order.
    #[error("closed up to {day}")]
    AlreadyClosed {
        /// The last day that is closed.
        day: NaiveDate,
    },
    /// The part of the log does not begin where the last closing ended.
    #[error("the part of the log does not follow the last closing's")]
    NotNext,
}
