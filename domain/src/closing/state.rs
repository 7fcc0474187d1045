//! State of a pizzeria's closings, folded from their events. Folding never fails.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{ClosingEvent, Totals};
use crate::ids::LogPosition;

/// Closed days of a pizzeria.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    /// The last closed day.
    pub day: Option<NaiveDate>,
    /// Number of closed days.
    pub number: u32,
    /// Last position of the last closing's part of the log.
    pub upto: LogPosition,
    /// Figures up to that position.
    pub cumulative: Totals,
}

impl Closing {
    /// Applies one event.
    pub fn evolve(&mut self, event: &ClosingEvent) {
        match event {
            ClosingEvent::DayClosed { closing, .. } => {
                self.day = Some(closing.day);
                self.number = closing.number;
                self.upto = closing.upto;
                self.cumulative = closing.cumulative.clone();
            }
        }
    }
}
