//! Business days: from 04:00 to 04:00 local time, so that an evening is one day.

use chrono::{DateTime, Days, NaiveDate, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Beginning of a business day, in hours after local midnight.
const BEGINS: i64 = 4;

/// Returns the business day of an instant.
pub fn business_day(at: DateTime<Utc>, zone: Tz) -> NaiveDate {
    // Local clock time, so that a day begins at 04:00 also when clocks change.
    let local = at.with_timezone(&zone).naive_local();
    (local - TimeDelta::hours(BEGINS)).date()
}

/// Returns the end of a business day, 04:00 of the next local day; `None` after the last representable day.
pub fn business_day_end(day: NaiveDate, zone: Tz) -> Option<DateTime<Utc>> {
    let next = day.checked_add_days(Days::new(1))?.and_hms_opt(4, 0, 0)?;
    // If clocks skip 04:00 that day, the first instant after the gap.
    let found = zone.from_local_datetime(&next).earliest();
    let found = found.or_else(|| zone.from_local_datetime(&(next + TimeDelta::hours(1))).earliest());
    found.map(|end| end.to_utc())
}
