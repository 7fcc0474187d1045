//! The log read a batch at a time, once for all read models of a process that stand at the same place.
//! Applies nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use domain::{LogPosition, StreamType};
use event_store::log::{self, Excerpt};
use event_store::{LogEntry, LogError, RecordedEvent, UnreadableRecord};
use sqlx::PgPool;
use tokio::sync::OnceCell;

use crate::registry::Model;

/// Entries of a batch, and of a transaction of a read model, at most.
pub(crate) const BATCH: i64 = 500;
/// The same of a read model that goes through the log by itself: what it holds at a time, ten would hold ten times.
const BATCH_OF_ONE: i64 = 2_000;
/// Batches kept: the read models of a process are seldom further apart.
const KEPT: usize = 4;

/// Consecutive entries of the log.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    events: Vec<RecordedEvent>,
    /// What this program cannot read: counted by those who have no need of it.
    unreadable: Vec<UnreadableRecord>,
    /// What nobody here has need of.
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

    /// All of it.
    pub(crate) fn all(&self) -> Part<'_> {
        Part { events: &self.events, unreadable: &self.unreadable, passed: &self.passed }
    }
}

/// Some consecutive entries of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The events among them, in order.
    pub(crate) events: &'a [RecordedEvent],
    /// And what this program cannot read, in order.
    pub(crate) unreadable: &'a [UnreadableRecord],
    /// And what is only counted, in order.
    passed: &'a [(LogPosition, String)],
}

impl<'a> Part<'a> {
    /// Events that can all be read.
    pub(crate) fn of(events: &'a [RecordedEvent]) -> Self {
        Self { events, unreadable: &[], passed: &[] }
    }

    /// How many entries.
    pub(crate) fn len(self) -> usize {
        self.events.len() + self.unreadable.len() + self.passed.len()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The position of the last entry.
    fn end(self) -> LogPosition {
        let event = self.events.last().map(|event| event.position);
        let unreadable = self.unreadable.last().map(|record| record.position);
        let passed = self.passed.last().map(|(position, _)| *position);
        event.max(unreadable).max(passed).unwrap_or(LogPosition::START)
    }

    /// The first entry of a kind of stream that is needed and that this program cannot read.
    pub(crate) fn needed(self, needs: impl Fn(StreamType) -> bool) -> Option<&'a UnreadableRecord> {
        self.unreadable.iter().find(|record| record.stream().is_some_and(|stream| needs(stream.kind)))
    }

    /// The entries up to a position, and those behind it.
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

    /// The entries before a position.
    pub(crate) fn before(self, position: LogPosition) -> Self {
        self.split_after(LogPosition(position.0 - 1)).0
    }

    /// The position and the type of each entry, in order.
    pub(crate) fn marks(self) -> Vec<(LogPosition, &'a str)> {
        let events = self.events.iter().map(|event| (event.position, &*event.event_type));
        let unreadable = self.unreadable.iter().map(|record| (record.position, &*record.event_type));
        let passed = self.passed.iter().map(|(position, event_type)| (*position, &**event_type));
        let mut marks: Vec<_> = events.chain(unreadable).chain(passed).collect();
        marks.sort_unstable_by_key(|(position, _)| *position);
        marks
    }
}

/// A batch, once somebody has read it.
type Slot = OnceCell<Arc<Batch>>;
/// Batches by the position that they come after, the latest first.
type Recent = VecDeque<(LogPosition, Arc<Slot>)>;

/// Reads batches; the log never changes, so what was read stays right.
#[derive(Debug, Clone)]
pub(crate) struct Batches {
    pool: PgPool,
    /// The kinds of stream that are only counted.
    passes: Arc<[StreamType]>,
    size: i64,
    reads_ahead: bool,
    recent: Arc<Mutex<Recent>>,
}

/// Why there is no batch.
enum NoBatch {
    /// It would be empty. Not kept: there may be something the next time.
    Head,
    Failed(LogError),
}

impl Batches {
    /// For all who follow the log, each at its own place. Nothing is read ahead: at the head there is nothing, and what
    /// is read for one who is far behind would be gone before he comes for it, because of the others.
    pub(crate) fn new(pool: PgPool) -> Self {
        Self { pool, passes: Arc::default(), size: BATCH, reads_ahead: false, recent: Arc::default() }
    }

    /// For some read models alone that keep together: what none of them reads is only counted, and the next batch is
    /// read while one is applied.
    pub(crate) fn of_models(pool: PgPool, models: &[Model]) -> Self {
        let reads = |kind: &StreamType| models.iter().any(|model| model.reads(*kind));
        let passes = StreamType::ALL.into_iter().filter(|kind| !reads(kind)).collect();
        let size = if models.len() == 1 { BATCH_OF_ONE } else { BATCH };
        Self { passes, size, reads_ahead: true, ..Self::new(pool) }
    }

    /// The entries after a position, at most a batch; there may be more. None at all at the head.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(crate) async fn after(&self, position: i64) -> Result<Arc<Batch>, LogError> {
        let after = LogPosition(position);
        let (slot, _) = self.slot(after);
        let batch = match self.read(after, &slot).await {
            Ok(batch) => batch,
            Err(NoBatch::Head) => {
                self.clear_away(after);
                return Ok(Arc::default());
            }
            Err(NoBatch::Failed(error)) => return Err(error),
        };
        let end = batch.all().end();
        // Otherwise it is the last for now.
        if self.reads_ahead && end.0 % self.size == 0 {
            self.read_ahead(end);
        }
        Ok(batch)
    }

    /// Where the entries after a position are kept, and whether that is news.
    fn slot(&self, after: LogPosition) -> (Arc<Slot>, bool) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, slot)) = recent.iter().find(|(position, _)| *position == after) {
            return (slot.clone(), false);
        }
        let slot = Arc::new(Slot::new());
        recent.truncate(KEPT - 1);
        recent.push_front((after, slot.clone()));
        (slot, true)
    }

    /// Gives up a slot that there is nothing for yet, so that it takes no batch's place.
    fn clear_away(&self, after: LogPosition) {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|(position, slot)| *position != after || slot.initialized());
    }

    /// Finds what was read, or waits for who is reading it, or reads it.
    async fn read(&self, after: LogPosition, slot: &Slot) -> Result<Arc<Batch>, NoBatch> {
        let read = async || {
            // Those who go together, up to a multiple of what a batch takes: having begun apart, they read the same
            // batches from there on. At the head that would only make two batches of one.
            let limit = if self.reads_ahead { self.size - after.0 % self.size } else { self.size };
            let excerpt = log::excerpt_after(&self.pool, &self.passes, after, limit).await;
            let batch = Batch::of(excerpt.map_err(NoBatch::Failed)?);
            if batch.all().is_empty() { Err(NoBatch::Head) } else { Ok(Arc::new(batch)) }
        };
        slot.get_or_try_init(read).await.cloned()
    }

    /// Has a batch read, beside what is done with the one before it.
    fn read_ahead(&self, after: LogPosition) {
        let (slot, new) = self.slot(after);
        if new {
            let batches = self.clone();
            // A failure is seen by who comes for the batch, and reads it again.
            tokio::spawn(async move { batches.read(after, &slot).await.is_ok() });
        }
    }
}
