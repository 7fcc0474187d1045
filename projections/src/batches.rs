//! The log read a batch at a time, once for all read models of a process that stand at the same place.
//! Applies nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::LogPosition;
use event_store::{LogError, RecordedEvent, log};
use sqlx::PgPool;
use tokio::sync::Mutex;

/// Events of a batch, and of a transaction of a read model.
pub(crate) const BATCH: i64 = 500;
/// Batches kept: the read models of a process are seldom further apart.
const KEPT: usize = 4;

type Batch = (LogPosition, Arc<Vec<RecordedEvent>>);

/// Reads batches; the log never changes, so what was read stays right.
#[derive(Debug)]
pub(crate) struct Batches {
    pool: PgPool,
    recent: Mutex<VecDeque<Batch>>,
}

impl Batches {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, recent: Mutex::new(VecDeque::new()) }
    }

    /// The events after a position, at most a batch; there may be more. None at all at the head.
    ///
    /// # Errors
    /// As [`log::read_after`].
    pub(crate) async fn after(&self, position: i64) -> Result<Arc<Vec<RecordedEvent>>, LogError> {
        // Held while reading: who comes second finds what the first has read.
        let mut recent = self.recent.lock().await;
        let position = LogPosition(position);
        if let Some((_, events)) = recent.iter().find(|(after, _)| *after == position) {
            return Ok(events.clone());
        }
        let events = Arc::new(log::read_after(&self.pool, position, BATCH).await?);
        if !events.is_empty() {
            recent.truncate(KEPT - 1);
            recent.push_front((position, events.clone()));
        }
        Ok(events)
    }
}
