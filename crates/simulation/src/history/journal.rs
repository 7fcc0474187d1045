//! The log as it is written: positions, non-decreasing times, batches for the database, and counts.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::{Event, LogPosition, StreamId};
use event_store::StoreError;
use event_store::bulk::{Row, Rows};
use projections::Checkpoint;
use tokio::sync::mpsc;

use super::SimulateError;

/// Size of a batch.
const BATCH_BYTES: usize = 2 << 20;

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

    /// Returns the times of the first and the last event.
    pub(super) fn span(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        (self.first.unwrap_or(self.last), self.last)
    }

    /// Advances the clock to `at`, and returns the time of the next command's events.
    pub(super) fn tick(&mut self, at: DateTime<Utc>) -> DateTime<Utc> {
        self.last = self.last.max(at);
        self.last
    }

    /// Adds an event of the current command.
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

    /// Sends the batch if it is full.
    pub(super) fn send_full(&mut self) -> Result<(), SimulateError> {
        if self.batch.len() >= BATCH_BYTES { self.send() } else { Ok(()) }
    }

    /// Sends the batch, and waits while too many are unsent.
    pub(super) fn send(&mut self) -> Result<(), SimulateError> {
        let batch = std::mem::take(&mut self.batch);
        // The receiver is gone if storing has failed, which is reported.
        self.batches
            .blocking_send(batch)
            .map_err(|_| SimulateError::Failed("the batches are no longer stored".to_owned()))
    }
}
