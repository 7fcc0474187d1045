//! Opening hours: local times of a week, in the pizzeria's own time zone.

use chrono::{DateTime, Datelike, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// One span of one day of the week, in minutes since local midnight: `from` inclusive, `to` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningSpan {
    /// The day.
    pub day: Weekday,
    /// 0 to 1439.
    pub from: u16,
    /// More than `from`, at most 1440.
    pub to: u16,
}

/// A week's opening hours.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeeklyHours(Vec<OpeningSpan>);

/// A span that ends before it starts, or outside its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("opening hours start before they end, within one day")]
pub struct InvalidHours;

impl WeeklyHours {
    /// From spans; they may overlap.
    ///
    /// # Errors
    /// [`InvalidHours`] for a span that is empty or leaves its day.
    pub fn new(spans: Vec<OpeningSpan>) -> Result<Self, InvalidHours> {
        if spans.iter().all(|span| span.from < span.to && span.to <= DAY) {
            Ok(Self(spans))
        } else {
            Err(InvalidHours)
        }
    }

    /// Open at any hour.
    pub fn always() -> Self {
        let days = [
            Weekday::Mon,
            Weekday::Tue,
            Weekday::Wed,
            Weekday::Thu,
            Weekday::Fri,
            Weekday::Sat,
            Weekday::Sun,
        ];
        Self(days.into_iter().map(|day| OpeningSpan { day, from: 0, to: DAY }).collect())
    }

    /// The spans as given.
    pub fn spans(&self) -> &[OpeningSpan] {
        &self.0
    }

    /// Whether an instant is within a span, by the clocks of `zone`.
    pub fn is_open(&self, at: DateTime<Utc>, zone: Tz) -> bool {
        let local = at.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        self.0.iter().any(|span| {
            span.day == local.weekday() && u32::from(span.from) <= minute && minute < u32::from(span.to)
        })
    }
}
