//! Opening hours: local times of a week, in the pizzeria's own time zone.

use chrono::{DateTime, Datelike, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc, Weekday};
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

/// The instant at which the clocks of a zone show a minute of a day: the later of two, and an hour later where
/// the clocks skip it.
fn instant(day: NaiveDate, minute: u16, zone: Tz) -> Option<DateTime<Utc>> {
    let midnight = day.and_time(NaiveTime::MIN);
    let local = midnight.checked_add_signed(TimeDelta::minutes(i64::from(minute)))?;
    let skipped = || zone.from_local_datetime(&local.checked_add_signed(TimeDelta::hours(1))?).latest();
    zone.from_local_datetime(&local).latest().or_else(skipped).map(|at| at.with_timezone(&Utc))
}

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

    /// When the spans that an instant is within end, by the clocks of `zone`: spans that touch are one, across
    /// midnight too. `None` when the instant is within no span, and when they go on for a week.
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

    /// When the spans that cover a minute of a day end on that day.
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

    /// With the hours that `days` has for its days, and without those of closed days; other days stay.
    #[must_use]
    pub fn with_days(&self, days: &Self, closed: &[Weekday]) -> Self {
        let named = |day: Weekday| closed.contains(&day) || days.0.iter().any(|span| span.day == day);
        let kept = self.0.iter().filter(|span| !named(span.day));
        let mut spans: Vec<OpeningSpan> = kept.chain(&days.0).copied().collect();
        spans.sort_by_key(|span| (span.day.num_days_from_monday(), span.from));
        Self(spans)
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
