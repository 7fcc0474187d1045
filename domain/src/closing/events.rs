//! Events of a pizzeria's closings. Stored for ever: a changed payload needs an upcaster.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::Totals;
use crate::ids::{LogPosition, PizzeriaId};

/// Latest signed head of the log's tree when a day was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TreeHead {
    /// Number of events that it covers, from the first.
    pub size: i64,
    /// Root hash: SHA-256 in base64.
    pub root_hash: String,
    /// Id of the signing key, 8 hexadecimal digits.
    pub key_id: String,
}

/// Closing of a business day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DayClosing {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// Local date on which the business day began, at 04:00.
    pub day: NaiveDate,
    /// Number of the pizzeria's closing, from 1.
    pub number: u32,
    /// Position after which its part of the log begins.
    pub after: LogPosition,
    /// Last position of its part.
    pub upto: LogPosition,
    /// Figures of that part.
    pub totals: Totals,
    /// Figures since the first closing, this day included; never reset.
    pub cumulative: Totals,
    /// Latest signed head of the log's tree; `None` while nothing is sealed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<TreeHead>,
}

/// Events of a pizzeria's closings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum ClosingEvent {
    /// A business day was closed.
    DayClosed {
        /// Figures of the day.
        closing: Box<DayClosing>,
        /// When it happened.
        at: DateTime<Utc>,
    },
}
