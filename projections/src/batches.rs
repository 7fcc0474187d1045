//! The log read a batch at a time, once for all read models of a process that stand at the same place.
//! Applies nothing.

use std::collections::VecDeque;
use std::sync::Arc;

use domain::{LogPosition, StreamType};
use event_store::{LogEntry, LogError, RecordedEvent, UnreadableRecord, log};
use sqlx::PgPool;
use tokio::sync::Mutex;

/// Entries of a batch, and of a transaction of a read model.
pub(crate) const BATCH: i64 = 500;
/// Batches kept: the read models of a process are seldom further apart.
const KEPT: usize = 4;

/// Consecutive entries of the log.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<RecordedEvent>,
    /// What this program cannot read: counted by those who have no need of it.
    unreadable: Vec<UnreadableRecord>,
}

impl Batch {
    fn of(entries: Vec<LogEntry>) -> Self {
        let mut batch = Self::default();
        for entry in entries {
            match entry {
                LogEntry::Event(event) => batch.events.push(Arc::unwrap_or_clone(event)),
                LogEntry::Unreadable(record) => batch.unreadable.push(Arc::unwrap_or_clone(record)),
            }
        }
        batch
    }

    /// All of it.
    pub(crate) fn all(&self) -> Part<'_> {
        Part { events: &self.events, unreadable: &self.unreadable }
    }
}

/// Some consecutive entries of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The events among them, in order.
    pub(crate) events: &'a [RecordedEvent],
    /// And what this program cannot read, in order.
    pub(crate) unreadable: &'a [UnreadableRecord],
}

impl<'a> Part<'a> {
    /// Events that can all be read.
    pub(crate) fn of(events: &'a [RecordedEvent]) -> Self {
        Self { events, unreadable: &[] }
    }

    pub(crate) fn len(self) -> usize {
        self.events.len() + self.unreadable.len()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.events.is_empty() && self.unreadable.is_empty()
    }

    /// The first entry of a kind of stream that is needed and that this program cannot read.
    pub(crate) fn needed(self, needs: impl Fn(StreamType) -> bool) -> Option<&'a UnreadableRecord> {
        self.unreadable.iter().find(|record| record.stream().is_some_and(|stream| needs(stream.kind)))
    }

    /// The entries up to a position, and those behind it.
    pub(crate) fn split_after(self, position: LogPosition) -> (Self, Self) {
        let events = self.events.partition_point(|event| event.position <= position);
        let unreadable = self.unreadable.partition_point(|record| record.position <= position);
        (
            Self { events: &self.events[..events], unreadable: &self.unreadable[..unreadable] },
            Self { events: &self.events[events..], unreadable: &self.unreadable[unreadable..] },
        )
    }

    /// The entries before a position.
    pub(crate) fn before(self, position: LogPosition) -> Self {
        self.split_after(LogPosition(position.0 - 1)).0
    }

    /// The position and the type of each entry, in order.
    pub(crate) fn marks(self) -> Vec<(LogPosition, &'a str)> {
        let events = self.events.iter().map(|event| (event.position, &*event.event_type));
        let unreadable = self.unreadable.iter().map(|record| (record.position, &*record.event_type));
        let mut marks: Vec<_> = events.chain(unreadable).collect();
        marks.sort_unstable_by_key(|(position, _)| *position);
        marks
    }
}

type Read = (LogPosition, Arc<Batch>);

/// Reads batches; the log never changes, so what was read stays right.
#[derive(Debug)]
pub(crate) struct Batches {
    pool: PgPool,
    recent: Mutex<VecDeque<Read>>,
}

impl Batches {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, recent: Mutex::new(VecDeque::new()) }
    }

    /// The entries after a position, at most a batch; there may be more. None at all at the head.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn after(&self, position: i64) -> Result<Arc<Batch>, LogError> {
        // Held while reading: who comes second finds what the first has read.
        let mut recent = self.recent.lock().await;
        let position = LogPosition(position);
        if let Some((_, batch)) = recent.iter().find(|(after, _)| *after == position) {
            return Ok(batch.clone());
        }
        let batch = Arc::new(Batch::of(log::read_after(&self.pool, position, BATCH).await?));
        if !batch.all().is_empty() {
            recent.truncate(KEPT - 1);
            recent.push_front((position, batch.clone()));
        }
        Ok(batch)
    }
}
