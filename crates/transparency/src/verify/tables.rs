//! Checks without hashing: the head row, the ends of tree and log, and the sequences of streams.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use sqlx::PgConnection;

use super::finding::{Finding, FindingKind, position};

/// Ends of log and tree according to the tables.
#[derive(Debug)]
pub(super) struct Tables {
    /// The log's end according to its head row.
    pub(super) position: u64,
    settings: u64,
    recorded_at: DateTime<Utc>,
    /// Number of sealed events.
    pub(super) sealed: u64,
    /// Number of leaves with stored hashes.
    pub(super) hashed: u64,
}

fn count(value: i64) -> u64 {
    u64::try_from(value).unwrap_or_default()
}

impl Tables {
    pub(super) async fn read(db: &mut PgConnection) -> Result<Self, sqlx::Error> {
        let (position, settings, recorded_at): (i64, i64, DateTime<Utc>) =
            sqlx::query_as("SELECT position, settings_position, recorded_at FROM event_log_head")
                .fetch_one(&mut *db)
                .await?;
        let sealed: Option<i64> =
            sqlx::query_scalar("SELECT max(size) FROM tree_heads").fetch_one(&mut *db).await?;
        let hashed: Option<i64> = sqlx::query_scalar(
            "SELECT tile * 256 + octet_length(hashes) / 32 FROM tree_tiles WHERE level = 0 \
             ORDER BY tile DESC LIMIT 1",
        )
        .fetch_optional(db)
        .await?;
        Ok(Self {
            position: count(position),
            settings: count(settings),
            recorded_at,
            sealed: count(sealed.unwrap_or_default()),
            hashed: count(hashed.unwrap_or_default()),
        })
    }

    /// Compares the head row with the number of events read, and the time of the last one in microseconds.
    pub(super) fn compare(&self, events: u64, last_time: i64) -> Vec<Finding> {
        let mut findings = Vec::new();
        let last = position(events);
        if self.position > events {
            findings.push(Finding::between(events, self.position, FindingKind::LogHead(self.position)));
        } else if self.position < events {
            findings.push(Finding::between(self.position, events, FindingKind::LogHead(self.position)));
        } else if events > 0 && self.recorded_at.timestamp_micros() < last_time
            || self.settings > self.position
        {
            findings.push(Finding::at(last, FindingKind::LogRow));
        }
        if self.hashed > self.sealed {
            findings.push(Finding::between(self.sealed, self.hashed, FindingKind::HeadGone));
        }
        findings
    }
}

/// Returns the first event that does not follow its predecessor in its stream: sequences count from 1 without gaps, and
/// positions grow with them. The database sorts, so memory stays constant.
pub(super) async fn sequences(db: &mut PgConnection) -> Result<Option<Finding>, sqlx::Error> {
    let position: Option<i64> = sqlx::query_scalar(
        "SELECT min(position) FROM ( \
             SELECT position, sequence, lag(sequence, 1, 0::bigint) OVER stream AS before, \
                    lag(position, 1, 0::bigint) OVER stream AS position_before \
             FROM events WINDOW stream AS (PARTITION BY aggregate_type, aggregate_id ORDER BY sequence) \
         ) AS events WHERE sequence <> before + 1 OR position <= position_before",
    )
    .fetch_one(db)
    .await?;
    Ok(position.map(|position| Finding::at(LogPosition(position), FindingKind::Sequence)))
}
