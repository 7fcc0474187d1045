//! What has happened to a pizzeria's closings.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Totals;
use crate::event::event_names;
use crate::ids::{LogPosition, PizzeriaId};

/// A signed head of the log's tree, as it was known when a day was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeHead {
    /// How many events it covers, from the first.
    pub size: i64,
    /// The root's SHA-256, in base64.
    pub root_hash: String,
    /// The key that signed it, 8 hexadecimal digits.
    pub key_id: String,
}

/// A business day that is closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayClosing {
    /// Where.
    pub pizzeria: PizzeriaId,
    /// The local day that the business day began on, at 04:00.
    pub day: NaiveDate,
    /// Counts the pizzeria's closings, from 1.
    pub number: u32,
    /// The position that its part of the log begins after.
    pub after: LogPosition,
    /// The last position of its part.
    pub upto: LogPosition,
    /// What happened in that part.
    pub totals: Totals,
    /// What happened since the beginning, this day included: it is never set back.
    pub cumulative: Totals,
    /// The latest signed head of the log's tree; none while nothing is sealed.
    pub head: Option<TreeHead>,
}

/// The events of the stream of a pizzeria's closings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ClosingEvent {
    /// A business day was closed.
    DayClosed {
        /// Its figures.
        closing: Box<DayClosing>,
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(ClosingEvent, Closing: DayClosed,);
