//! Reads events as stored: exact texts, not decoded.

use domain::LogPosition;
use sqlx::postgres::PgRow;
use sqlx::{Row, ValueRef};

use crate::StoredEvent;

/// Columns that [`stored_event`] reads.
pub(crate) const COLUMNS: &str = "position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
                                  recorded_at, payload::text, metadata::text";

/// Microseconds from 1970 to 2000, PostgreSQL's epoch.
const EPOCH: i64 = 946_684_800_000_000;

/// Decodes a time as PostgreSQL sends it, in microseconds since 2000: a forged value may be outside of chrono's range.
fn microseconds(row: &PgRow, index: usize) -> Result<i64, sqlx::Error> {
    let wrong = |source| sqlx::Error::ColumnDecode { index: index.to_string(), source };
    let value = row.try_get_raw(index)?;
    if value.is_null() {
        return Err(wrong("no time".into()));
    }
    let bytes: [u8; 8] = value.as_bytes().map_err(wrong)?.try_into().map_err(|_| wrong("no time".into()))?;
    Ok(i64::from_be_bytes(bytes).saturating_add(EPOCH))
}

/// Returns the event of a row, borrowing its texts.
pub(crate) fn stored_event(row: &PgRow) -> Result<StoredEvent<'_>, sqlx::Error> {
    Ok(StoredEvent {
        position: LogPosition(row.try_get(0)?),
        aggregate_type: row.try_get(1)?,
        aggregate_id: row.try_get(2)?,
        sequence: row.try_get(3)?,
        event_type: row.try_get(4)?,
        event_version: row.try_get(5)?,
        recorded_at: microseconds(row, 6)?,
        payload: row.try_get(7)?,
        metadata: row.try_get(8)?,
    })
}
