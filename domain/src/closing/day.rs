//! Business days: from 04:00 to 04:00 by the clocks of the pizzeria, so that an evening is one day.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// When a business day begins, in hours after local midnight.
const BEGINS: i64 = 4;

/// The business day of an instant.
pub fn business_day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    // By the clock on the wall: on the days that clocks change, too, the day begins at its 04:00.
    let local = at.with_timezone(&zone).naive_local();
    (local - TimeDelta::hours(BEGINS)).date()
}

/// When a business day ends: at 04:00 of the next local day; none at the end of all time.
pub fn ends(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let next = day.checked_add_days(Days::new(1))?.and_hms_opt(4, 0, 0)?;
    // In a zone whose clocks change at four, the first moment that says four or later.
    let found = zone.from_local_datetime(&next).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(next + TimeDelta::hours(1))).earliest());
    found.map(|end| end.to_utc())
}
