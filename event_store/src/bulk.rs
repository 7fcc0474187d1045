//! Fills an empty log with generated events, by COPY in one transaction. Real commands go through
//! [`crate::EventStore::execute`].

use std::io::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use domain::{AggregateState, Event, LogPosition, StreamId};
use sqlx::{PgConnection, PgPool, Postgres, Transaction};

use crate::append::is_setting;
use crate::command::CommandContext;
use crate::decider::Versioned;
use crate::error::StoreError;
use crate::snapshot;

const COPY: &str = "COPY events (position, aggregate_type, aggregate_id, sequence, event_type, event_version, \
                    recorded_at, payload, metadata) FROM STDIN";

/// Why a log was not filled.
#[derive(Debug, thiserror::Error)]
pub enum BulkError {
    /// The log holds events.
    #[error("the log is not empty")]
    NotEmpty,
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// A state cannot be serialised.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Events as the text format of COPY.
#[derive(Debug, Default)]
pub struct Rows {
    text: Vec<u8>,
    last: Option<(i64, DateTime<Utc>)>,
    last_setting: Option<i64>,
}

/// One event with its position and sequence, to be added to [`Rows`].
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Position in the log, counted by the caller from 1 without gaps.
    pub position: i64,
    /// The stream.
    pub stream: &'a StreamId,
    /// Position in the stream, from 1 without gaps.
    pub sequence: i64,
    /// The event.
    pub event: &'a Event,
    /// Time of recording, in microseconds; it must not decrease with position.
    pub recorded_at: DateTime<Utc>,
    /// The metadata as JSON text.
    pub metadata: &'a str,
}

impl Rows {
    /// Adds an event.
    ///
    /// # Errors
    /// The event cannot be serialised.
    pub fn push(&mut self, row: Row<'_>) -> Result<(), StoreError> {
        let payload = serde_json::to_string(row.event)?;
        let at = row.recorded_at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let (kind, event_type, version) =
            (row.stream.kind.as_str(), row.event.event_type(), row.event.version());
        // Writing to memory does not fail. Ids are codes and UUIDs, which need no escaping.
        let _ = write!(
            self.text,
            "{}\t{kind}\t{}\t{}\t{event_type}\t{version}\t{at}\t",
            row.position, row.stream.id, row.sequence
        );
        self.escaped(&payload);
        self.text.push(b'\t');
        self.escaped(row.metadata);
        self.text.push(b'\n');
        self.last = Some((row.position, row.recorded_at));
        if is_setting(row.stream.kind) {
            self.last_setting = Some(row.position);
        }
        Ok(())
    }

    /// Appends JSON of one line: it has no tab and no line break, so only backslashes are escaped.
    fn escaped(&mut self, text: &str) {
        for byte in text.bytes() {
            if byte == b'\\' {
                self.text.push(b'\\');
            }
            self.text.push(byte);
        }
    }

    /// Returns the size in bytes.
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// Returns whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty()
    }
}

/// A log that is being filled. Dropping it before [`Self::finish`] leaves the log empty.
#[derive(Debug)]
pub struct BulkLoad {
    tx: Transaction<'static, Postgres>,
    last: Option<(i64, DateTime<Utc>)>,
    last_setting: i64,
}

impl BulkLoad {
    /// Locks the log, so that nothing else is stored meanwhile.
    ///
    /// # Errors
    /// [`BulkError::NotEmpty`] if the log has events.
    pub async fn begin(pool: &PgPool) -> Result<Self, BulkError> {
        let mut tx = pool.begin().await?;
        let head: i64 =
            sqlx::query_scalar("SELECT position FROM event_log_head FOR UPDATE").fetch_one(&mut *tx).await?;
        if head > 0 {
            return Err(BulkError::NotEmpty);
        }
        Ok(Self { tx, last: None, last_setting: 0 })
    }

    /// Returns the connection, for further rows in the same transaction.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.tx
    }

    /// Stores events.
    ///
    /// # Errors
    /// The database failed.
    pub async fn write(&mut self, rows: Rows) -> Result<(), BulkError> {
        let mut copy = self.tx.copy_in_raw(COPY).await?;
        copy.send(rows.text).await?;
        copy.finish().await?;
        self.last = rows.last.or(self.last);
        self.last_setting = rows.last_setting.unwrap_or(self.last_setting);
        Ok(())
    }

    /// Stores the idempotency key of an executed command, with the version of its result.
    ///
    /// # Errors
    /// The database failed.
    pub async fn answered(
        &mut self,
        context: &CommandContext,
        stream: &StreamId,
        version: i64,
        position: LogPosition,
        recorded_at: DateTime<Utc>,
    ) -> Result<(), BulkError> {
        let Some(given) = &context.idempotency else { return Ok(()) };
        sqlx::query(
            "INSERT INTO idempotency_keys (actor_id, key, fingerprint, aggregate_type, aggregate_id, sequence, \
             position, recorded_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(context.actor.id)
        .bind(&given.key)
        .bind(given.fingerprint.to_vec())
        .bind(stream.kind.as_str())
        .bind(&*stream.id)
        .bind(version)
        .bind(position.0)
        .bind(recorded_at)
        .execute(&mut *self.tx)
        .await?;
        Ok(())
    }

    /// Stores a snapshot of a long stream, so that the first command on it need not read all of it.
    ///
    /// # Errors
    /// The database failed.
    pub async fn snapshot(
        &mut self,
        stream: &StreamId,
        state: AggregateState,
        version: i64,
    ) -> Result<(), BulkError> {
        let snapshot = Versioned { state: std::sync::Arc::new(state), version };
        Ok(snapshot::write(&mut *self.tx, stream, &snapshot).await?)
    }

    /// Moves the head row to the last event, notifies followers, and commits.
    ///
    /// # Errors
    /// The database failed; the log is still empty.
    pub async fn finish(mut self) -> Result<(), BulkError> {
        if let Some((last, recorded_at)) = self.last {
            sqlx::query("UPDATE event_log_head SET position = $1, recorded_at = $2, settings_position = $3")
                .bind(last)
                .bind(recorded_at)
                .bind(self.last_setting)
                .execute(&mut *self.tx)
                .await?;
            sqlx::query("SELECT pg_notify('events', $1::text)").bind(last).execute(&mut *self.tx).await?;
        }
        self.tx.commit().await?;
        Ok(())
    }
}
