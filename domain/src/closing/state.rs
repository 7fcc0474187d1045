//! The state of a pizzeria's closings, folded from their events.

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{ClosingEvent, Totals};
use crate::ids::LogPosition;

/// How far a pizzeria's days are closed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Closing {
    /// The last day that is closed.
    pub day: Option<NaiveDate>,
    /// How many days are closed.
    pub number: u32,
    /// Where the last closing's part of the log ends.
    pub upto: LogPosition,
    /// What happened up to there.
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
