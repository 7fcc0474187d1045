//! Refusals of closings. Values, never faults.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::usecase::RefusalCode;

/// Refusal by a pizzeria's closings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum ClosingError {
    /// This day or a later one is closed: days close once and in order.
    #[error("days up to {day} are already closed")]
    AlreadyClosed {
        /// The last closed day.
        day: NaiveDate,
    },
    /// The part of the log does not begin where the last closing ended.
    #[error("the part of the log does not begin where the last closing ended")]
    NotNext,
}

impl ClosingError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::AlreadyClosed { .. } => C::AlreadyClosed,
            Self::NotNext => C::WrongState,
        }
    }
}
