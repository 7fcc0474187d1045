//! Weekly opening hours in the pizzeria's time zone. Knows no dates and no pauses.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// Minutes in a day.
const DAY: u16 = 24 * 60;

/// Span of one weekday, in minutes since local midnight: `from` inclusive, `to` exclusive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpeningSpan {
    /// The day.
    pub day: Weekday,
    /// 0 to 1439.
    pub from: u16,
    /// More than `from`, at most 1440.
    pub to: u16,
}

/// Opening hours of a week.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WeeklyHours(Vec<OpeningSpan>);

/// Span that is empty or leaves its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("opening hours must start before they end, within one day")]
pub struct InvalidHours;

/// Returns the instant of a local minute: the later of two, or an hour later if the clocks skip it.
fn instant(day: NaiveDate, minute: u16, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    let local = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?;
    let skipped = || zone.from_local_datetime(&local.checked_add_signed(TimeDelta::hours(1))?).latest();
    zone.from_local_datetime(&local).latest().or_else(skipped).map(|at| at.with_timezone(&Utc))
}

impl WeeklyHours {
    /// Creates the hours from spans, which may overlap.
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

    /// Returns hours that never close.
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

    /// Returns the spans.
    pub fn spans(&self) -> &[OpeningSpan] {
        &self.0
    }

    /// Returns when the spans that cover an instant end, in the time zone `zone`. Adjacent spans count as
    /// one, also across midnight. `None` if no span covers the instant, or if they last for a week.
    pub fn closes_at(&self, at: DateTime<Utc>, zone: Tz) -> Option<DateTime<Utc>> {
        let local = at.with_timezone(&zone);
        let mut day = local.date_naive();
        let begun = u16::try_from(local.hour() * 60 + local.minute()).ok()?;
        let mut end = self.end_of(day.weekday(), begun)?;
        for _ in 0..7 {
            if end < DAY {
                return instant(day, end, zone);
            }
            day = day.succ_opt()?;
            match self.end_of(day.weekday(), 0) {
                Some(later) => end = later,
                None => return instant(day, 0, zone),
            }
        }
        None
    }

    /// Returns the end, on the same day, of the spans that cover a minute.
    fn end_of(&self, day: Weekday, minute: u16) -> Option<u16> {
        let covering = |minute: u16| {
            let spans = self.0.iter().filter(move |span| span.day == day);
            spans.filter(move |span| span.from <= minute && minute < span.to).map(|span| span.to).max()
        };
        let mut end = covering(minute)?;
        while let Some(later) = covering(end) {
            end = later;
        }
        Some(end)
    }

    /// Returns the hours with the days of `days` replaced and the closed days removed.
    #[must_use]
    pub fn with_days(&self, days: &Self, closed: &[Weekday]) -> Self {
        let named = |day: Weekday| closed.contains(&day) || days.0.iter().any(|span| span.day == day);
        let kept = self.0.iter().filter(|span| !named(span.day));
        let mut spans: Vec<OpeningSpan> = kept.chain(&days.0).copied().collect();
        spans.sort_by_key(|span| (span.day.num_days_from_monday(), span.from));
        Self(spans)
    }

    /// Whether a span covers an instant, in the time zone `zone`.
    pub fn is_open(&self, at: DateTime<Utc>, zone: Tz) -> bool {
        let local = at.with_timezone(&zone);
        let minute = local.hour() * 60 + local.minute();
        self.0.iter().any(|span| {
            span.day == local.weekday() && u32::from(span.from) <= minute && minute < u32::from(span.to)
        })
    }
}
