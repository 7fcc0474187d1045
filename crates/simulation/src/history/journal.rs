//! The log as it is written: positions, times that never go back, batches for the database, and what is counted.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Event, LogPosition, StreamId};
use event_store::StoreError;
use event_store::bulk::{Row, Rows};
use projections::Checkpoint;
use tokio::sync::mpsc;

use super::SimulateError;

/// Bytes of a batch.
const BATCH: usize = 2 << 20;

pub(super) struct Journal {
    batches: mpsc::Sender<Rows>,
    batch: Rows,
    pub(super) counted: Checkpoint,
    pub(super) events: BTreeMap<&'static str, u64>,
    first: Option<DateTime<Utc>>,
    last: DateTime<Utc>,
}

impl Journal {
    pub(super) fn new(batches: mpsc::Sender<Rows>) -> Self {
        Self {
            batches,
            batch: Rows::default(),
            counted: Checkpoint::default(),
            events: BTreeMap::new(),
            first: None,
            last: DateTime::UNIX_EPOCH,
        }
    }

    pub(super) fn position(&self) -> LogPosition {
        self.counted.position()
    }

    /// When the first and the last event were recorded.
    pub(super) fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.first.unwrap_or(self.last), self.last)
    }

    /// The time that the next command's events get, asked for at `at`.
    pub(super) fn tick(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.last = self.last.max(at);
        self.last
    }

    /// Adds an event of the command that last asked for the time.
    pub(super) fn add(
        &mut self,
        stream: &StreamId,
        sequence: i64,
        event: &Event,
        metadata: &str,
    ) -> Result<LogPosition, StoreError> {
        let position = LogPosition(self.counted.position().0 + 1);
        self.batch.push(Row {
            position: position.0,
            stream,
            sequence,
            event,
            recorded_at: self.last,
            metadata,
        })?;
        self.first.get_or_insert(self.last);
        self.counted.count(position, event.event_type());
        *self.events.entry(event.event_type()).or_default() += 1;
        Ok(position)
    }

    /// Sends what has gathered, once it is enough.
    pub(super) fn send_full(&mut self) -> Result<(), SimulateError> {
        if self.batch.len() >= BATCH { self.send() } else { Ok(()) }
    }

    /// Sends what has gathered, and waits while too much is on its way.
    pub(super) fn send(&mut self) -> Result<(), SimulateError> {
        let batch = std::mem::take(&mut self.batch);
        // Nobody listens when storing has failed, which is what is reported.
        self.batches.blocking_send(batch).map_err(|_| SimulateError::Failed("nobody stores".to_owned()))
    }
}
