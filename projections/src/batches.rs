//! Reads the log in batches, once for all read models of a process at the same position.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{LogPosition, StreamType};
use event_store::log::{self, Excerpt};
use event_store::{LogEntry, LogError, RecordedEvent, UnreadableRecord};
use sqlx::PgPool;
use tokio::sync::OnceCell;

use crate::registry::Model;

/// Entries of a batch, and of a read model's transaction.
pub(crate) const BATCH_ENTRIES: i64 = 500;
/// Entries of a batch for a single read model, which needs the memory once.
const SINGLE_BATCH_ENTRIES: i64 = 2_000;
/// Batches kept in memory: the read models of a process are rarely further apart.
const MAX_KEPT_BATCHES: usize = 4;

/// Consecutive entries of the log.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<RecordedEvent>,
    /// Events that this program cannot read: models that do not need them count them.
    unreadable: Vec<UnreadableRecord>,
    /// Events that no reader of the batch needs.
    passed: Vec<(LogPosition, String)>,
}

impl Batch {
    fn of(excerpt: Excerpt) -> Self {
        let mut batch = Self { passed: excerpt.passed, ..Self::default() };
        for entry in excerpt.entries {
            match entry {
                LogEntry::Event(event) => batch.events.push(Arc::unwrap_or_clone(event)),
                LogEntry::Unreadable(record) => batch.unreadable.push(Arc::unwrap_or_clone(record)),
            }
        }
        batch
    }

    /// Returns all entries.
    pub(crate) fn all(&self) -> Part<'_> {
        Part { events: &self.events, unreadable: &self.unreadable, passed: &self.passed }
    }
}

/// Consecutive entries of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The events, in order.
    pub(crate) events: &'a [RecordedEvent],
    /// Events that this program cannot read, in order.
    pub(crate) unreadable: &'a [UnreadableRecord],
    /// Events that are only counted, in order.
    passed: &'a [(LogPosition, String)],
}

impl<'a> Part<'a> {
    /// Returns a part of readable events.
    pub(crate) fn of(events: &'a [RecordedEvent]) -> Self {
        Self { events, unreadable: &[], passed: &[] }
    }

    /// Returns the number of entries.
    pub(crate) fn len(self) -> usize {
        self.events.len() + self.unreadable.len() + self.passed.len()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns the position of the last entry.
    fn end(self) -> LogPosition {
        let event = self.events.last().map(|event| event.position);
        let unreadable = self.unreadable.last().map(|record| record.position);
        let passed = self.passed.last().map(|(position, _)| *position);
        event.max(unreadable).max(passed).unwrap_or(LogPosition::START)
    }

    /// Returns the first unreadable entry of a needed kind of stream.
    pub(crate) fn needed(self, needs: impl Fn(StreamType) -> bool) -> Option<&'a UnreadableRecord> {
        self.unreadable.iter().find(|record| record.stream().is_some_and(|stream| needs(stream.kind)))
    }

    /// Splits into the entries up to a position and those after it.
    pub(crate) fn split_after(self, position: LogPosition) -> (Self, Self) {
        let (events, more_events) =
            self.events.split_at(self.events.partition_point(|event| event.position <= position));
        let (unreadable, more_unreadable) =
            self.unreadable.split_at(self.unreadable.partition_point(|record| record.position <= position));
        let (passed, more_passed) =
            self.passed.split_at(self.passed.partition_point(|(passed, _)| *passed <= position));
        (
            Self { events, unreadable, passed },
            Self { events: more_events, unreadable: more_unreadable, passed: more_passed },
        )
    }

    /// Returns the entries before a position.
    pub(crate) fn before(self, position: LogPosition) -> Self {
        self.split_after(LogPosition(position.0 - 1)).0
    }

    /// Returns position and type of each entry, in order.
    pub(crate) fn marks(self) -> Vec<(LogPosition, &'a str)> {
        let events = self.events.iter().map(|event| (event.position, &*event.event_type));
        let unreadable = self.unreadable.iter().map(|record| (record.position, &*record.event_type));
        let passed = self.passed.iter().map(|(position, event_type)| (*position, &**event_type));
        let mut marks: Vec<_> = events.chain(unreadable).chain(passed).collect();
        marks.sort_unstable_by_key(|(position, _)| *position);
        marks
    }
}

/// A batch that is read by its first user.
type Slot = OnceCell<Arc<Batch>>;
/// Batches by the position before them, the latest first.
type Recent = VecDeque<(LogPosition, Arc<Slot>)>;

/// Reads and caches batches. The log never changes, so cached batches stay valid.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    pool: PgPool,
    /// Kinds of streams that are only counted.
    passes: Arc<[StreamType]>,
    size: i64,
    reads_ahead: bool,
    recent: Arc<Mutex<Recent>>,
}

/// Why a batch was not read.
enum NoBatch {
    /// It is empty: the position is the head. Not cached, since the log grows.
    Head,
    Failed(LogError),
}

impl Batches {
    /// Returns batches for independent followers. They are not read ahead: a batch read ahead for a slow follower would
    /// be evicted by the others before it is used.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, passes: Arc::default(), size: BATCH_ENTRIES, reads_ahead: false, recent: Arc::default() }
    }

    /// Returns batches for some read models that advance together: entries that none of them reads are only counted, and
    /// the next batch is read while one is applied.
    pub(crate) fn of_models(pool: PgPool, models: &[Model]) -> Self {
        let reads = |kind: &StreamType| models.iter().any(|model| model.reads(*kind));
        let passes = StreamType::ALL.into_iter().filter(|kind| !reads(kind)).collect();
        let size = if models.len() == 1 { SINGLE_BATCH_ENTRIES } else { BATCH_ENTRIES };
        Self { passes, size, reads_ahead: true, ..Self::new(pool) }
    }

    /// Returns the next batch after a position; it is empty at the head only.
    ///
    /// # Errors
    /// The database does not answer.
    pub(crate) async fn after(&self, position: i64) -> Result<Arc<Batch>, LogError> {
        let after = LogPosition(position);
        let (slot, _) = self.slot(after);
        let batch = match self.read(after, &slot).await {
            Ok(batch) => batch,
            Err(NoBatch::Head) => {
                self.release(after);
                return Ok(Arc::default());
            }
            Err(NoBatch::Failed(error)) => return Err(error),
        };
        let end = batch.all().end();
        // An incomplete batch is the last one for now.
        if self.reads_ahead && end.0 % self.size == 0 {
            self.read_ahead(end);
        }
        Ok(batch)
    }

    /// Returns the slot of the batch after a position, and whether it is new.
    fn slot(&self, after: LogPosition) -> (Arc<Slot>, bool) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = recent.iter().find(|(position, _)| *position == after) {
            return (slot.clone(), false);
        }
        let slot = Arc::new(Slot::new());
        recent.truncate(MAX_KEPT_BATCHES - 1);
        recent.push_front((after, slot.clone()));
        (slot, true)
    }

    /// Removes an empty slot, so that it does not displace a batch.
    fn release(&self, after: LogPosition) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(position, slot)| *position != after || slot.initialized());
    }

    /// Returns the cached batch, waits for a running read, or reads it.
    async fn read(&self, after: LogPosition, slot: &Slot) -> Result<Arc<Batch>, NoBatch> {
        let read = async || {
            // Models that advance together read up to a multiple of the size, so that they share batches although they
            // started apart.
            let limit = if self.reads_ahead { self.size - after.0 % self.size } else { self.size };
            let excerpt = log::excerpt_after(&self.pool, &self.passes, after, limit).await;
            let batch = Batch::of(excerpt.map_err(NoBatch::Failed)?);
            if batch.all().is_empty() { Err(NoBatch::Head) } else { Ok(Arc::new(batch)) }
        };
        slot.get_or_try_init(read).await.cloned()
    }

    /// Starts reading a batch in a task of its own.
    fn read_ahead(&self, after: LogPosition) {
        let (slot, new) = self.slot(after);
        if new {
            let batches = self.clone();
            // After a failure the user of the batch reads it again.
            tokio::spawn(async move { batches.read(after, &slot).await.is_ok() });
        }
    }
}
