//! Followers of single streams: an event wakes the followers of its stream only.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{LogPosition, StreamId};
use sqlx::PgPool;
use tokio::sync::Notify;

use super::FollowError;
use crate::log::{self, LogEntry};

/// Entries of one stream kept in memory; a slower follower reads from the database.
const MAX_KEPT_ENTRIES: usize = 64;
/// Entries of one stream read at once.
const PAGE_ENTRIES: i64 = 500;

/// All streams with followers.
#[derive(Debug)]
pub(super) struct Topics(Mutex<TopicTable>);

#[derive(Debug)]
struct TopicTable {
    /// Every entry up to this position has been passed on.
    up_to: LogPosition,
    /// The followed streams, each with its number of followers.
    topics: HashMap<StreamId, (Arc<Topic>, usize)>,
}

/// A followed stream. Lock order: [`Topics`] first.
#[derive(Debug)]
struct Topic {
    kept: Mutex<TopicBuffer>,
    news: Notify,
}

#[derive(Debug)]
struct TopicBuffer {
    /// Every entry of the stream after this position that was passed on is kept.
    behind: LogPosition,
    entries: VecDeque<LogEntry>,
    /// The log's new end and the last position passed on before, once the log was rewound.
    rewound: Option<(LogPosition, LogPosition)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Topics {
    pub fn new(up_to: LogPosition) -> Self {
        Self(Mutex::new(TopicTable { up_to, topics: HashMap::new() }))
    }

    /// Passes on the entries that follow those of the previous call.
    pub fn tell(&self, entries: &[LogEntry]) {
        let mut told = lock(&self.0);
        for entry in entries {
            // Streams of an unknown kind have no followers.
            let Some((topic, _)) = entry.stream().and_then(|stream| told.topics.get(&stream)) else {
                continue;
            };
            let mut kept = lock(&topic.kept);
            if kept.entries.len() == MAX_KEPT_ENTRIES
                && let Some(oldest) = kept.entries.pop_front()
            {
                kept.behind = oldest.position();
            }
            kept.entries.push_back(entry.clone());
            topic.news.notify_waiters();
        }
        if let Some(last) = entries.last() {
            told.up_to = last.position();
        }
    }

    /// Ends every feed after the log was rewound. New feeds start from the new end.
    pub fn rewind(&self, head: LogPosition) {
        let mut told = lock(&self.0);
        let seen = told.up_to;
        for (_, (topic, _)) in told.topics.drain() {
            lock(&topic.kept).rewound = Some((head, seen));
            topic.news.notify_waiters();
        }
        told.up_to = head;
    }

    fn up_to(&self) -> LogPosition {
        lock(&self.0).up_to
    }

    fn follow(&self, stream: &StreamId) -> Arc<Topic> {
        let mut told = lock(&self.0);
        let behind = told.up_to;
        let kept = || Mutex::new(TopicBuffer { behind, entries: VecDeque::new(), rewound: None });
        let topic = || Arc::new(Topic { kept: kept(), news: Notify::new() });
        let (topic, followers) = told.topics.entry(stream.clone()).or_insert_with(|| (topic(), 0));
        *followers += 1;
        topic.clone()
    }

    fn release(&self, stream: &StreamId, topic: &Arc<Topic>) {
        let mut told = lock(&self.0);
        // After a rewind the stream may have a new topic.
        let Some((current, followers)) = told.topics.get_mut(stream) else { return };
        if Arc::ptr_eq(current, topic) {
            *followers -= 1;
            if *followers == 0 {
                told.topics.remove(stream);
            }
        }
    }
}

/// State shared by a [`StreamFeed`] and its [`Idle`].
#[derive(Debug)]
struct Following {
    topics: Arc<Topics>,
    stream: StreamId,
    topic: Arc<Topic>,
    /// Position of the last entry returned; the start position before the first.
    given: AtomicI64,
    /// Every entry up to this position was returned. Written after `given`, read before it.
    reached: AtomicI64,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.topics.release(&self.stream, &self.topic);
    }
}

/// Feed of one stream's entries after a position, in order, each once. See [`super::Follower::stream_after`].
#[derive(Debug)]
pub struct StreamFeed {
    pool: PgPool,
    following: Arc<Following>,
    stored: VecDeque<LogEntry>,
}

/// Tells up to which position the log has no further entry of a stream.
#[derive(Debug)]
pub struct Idle(Arc<Following>);

impl Idle {
    /// Returns the position up to which the stream has no further entry, for a follower that has processed every entry
    /// up to `taken`; `None` while it has one.
    pub fn up_to(&self, taken: LogPosition) -> Option<LogPosition> {
        // Read first: an entry is in its topic before `up_to` covers it.
        let up_to = self.0.topics.up_to();
        let kept = lock(&self.0.topic.kept);
        let last = kept.entries.back().map_or(kept.behind, LogEntry::position);
        let reached = self.0.reached();
        let given = LogPosition(self.0.given.load(Ordering::Acquire));
        (kept.rewound.is_none() && last <= reached && given <= taken).then_some(up_to)
    }
}

impl Following {
    fn reached(&self) -> LogPosition {
        LogPosition(self.reached.load(Ordering::Acquire))
    }

    fn give(&self, entry: LogEntry) -> LogEntry {
        self.given.store(entry.position().0, Ordering::Release);
        self.reached.store(entry.position().0, Ordering::Release);
        entry
    }
}

enum Next {
    Entry(LogEntry),
    Behind,
    Nothing,
}

impl StreamFeed {
    pub(super) fn new(pool: PgPool, topics: &Arc<Topics>, stream: StreamId, after: LogPosition) -> Self {
        let topic = topics.follow(&stream);
        let (given, reached) = (AtomicI64::new(after.0), AtomicI64::new(after.0));
        let following = Following { topics: topics.clone(), stream, topic, given, reached };
        Self { pool, following: Arc::new(following), stored: VecDeque::new() }
    }

    /// Returns a handle that tells how far the stream is idle, without waking its followers.
    pub fn idle(&self) -> Idle {
        Idle(self.following.clone())
    }

    /// Waits for the next entry. Cancel safe.
    ///
    /// # Errors
    /// The log cannot be read, or was rewound.
    pub async fn next(&mut self) -> Result<LogEntry, FollowError> {
        loop {
            if let Some(entry) = self.stored.pop_front() {
                return Ok(self.following.give(entry));
            }
            let topic = self.following.topic.clone();
            // Created before the topic is read, so that no notification is missed.
            let news = topic.news.notified();
            match self.kept()? {
                Next::Entry(entry) => return Ok(self.following.give(entry)),
                // Boxed: rare, and large.
                Next::Behind => Box::pin(self.catch_up()).await?,
                Next::Nothing => news.await,
            }
        }
    }

    fn kept(&self) -> Result<Next, FollowError> {
        let last = self.following.reached();
        let kept = lock(&self.following.topic.kept);
        if let Some((from, to)) = kept.rewound {
            return Err(FollowError::Rewound { from, to: to.max(last) });
        }
        if last < kept.behind {
            return Ok(Next::Behind);
        }
        let next = kept.entries.iter().find(|entry| entry.position() > last);
        Ok(next.map_or(Next::Nothing, |entry| Next::Entry(entry.clone())))
    }

    /// Reads stored entries that are no longer kept in memory.
    async fn catch_up(&mut self) -> Result<(), FollowError> {
        // Read before the page: later entries are kept, or found missing again.
        let told = self.following.topics.up_to();
        let stream = std::slice::from_ref(&self.following.stream);
        let last = self.following.reached();
        let page = log::histories(&self.pool, stream, last, PAGE_ENTRIES).await?;
        if page.is_empty() {
            self.following.reached.store(last.max(told).0, Ordering::Release);
        }
        self.stored = page.into();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use domain::Event;
    use domain::access::{Actor, Role};
    use domain::customer::CustomerEvent;
    use domain::ids::CustomerId;
    use futures_util::FutureExt;
    use uuid::Uuid;

    use super::*;
    use crate::log::{Metadata, RecordedEvent};

    fn stream(customer: u128) -> StreamId {
        StreamId::customer(CustomerId(Uuid::from_u128(customer)))
    }

    /// An event at a position, of a customer.
    fn entry(position: i64, customer: u128) -> LogEntry {
        let at = DateTime::UNIX_EPOCH;
        let event: Event =
            CustomerEvent::CustomerRegistered { customer: CustomerId(Uuid::from_u128(customer)), at }.into();
        LogEntry::Event(Arc::new(RecordedEvent {
            position: LogPosition(position),
            recorded_at: at,
            stream: stream(customer),
            sequence: position,
            event_type: event.event_type().to_owned(),
            event_version: event.version().to_owned(),
            payload: serde_json::value::to_raw_value(&event).unwrap().into(),
            metadata: Metadata {
                actor: Actor::system().id,
                role: Role::System,
                command: String::new(),
                command_id: Uuid::nil(),
                correlation_id: String::new(),
                causation_id: None,
                class: None,
            },
            events: vec![event],
        }))
    }

    /// Follows from a position, without a database.
    fn follow(topics: &Arc<Topics>, customer: u128, after: i64) -> StreamFeed {
        let pool = PgPool::connect_lazy("postgres://127.0.0.1:1/none").unwrap();
        StreamFeed::new(pool, topics, stream(customer), LogPosition(after))
    }

    /// Returns the position of the entry that is available now.
    fn next(feed: &mut StreamFeed) -> Option<Result<i64, FollowError>> {
        feed.next().now_or_never().map(|entry| entry.map(|entry| entry.position().0))
    }

    #[tokio::test]
    async fn a_feed_returns_its_stream_in_order_and_knows_how_far_it_is_idle() {
        let topics = Arc::new(Topics::new(LogPosition(10)));
        let (mut one, mut two) = (follow(&topics, 1, 10), follow(&topics, 2, 10));
        let (of_one, of_two) = (one.idle(), two.idle());
        assert!(next(&mut one).is_none());
        assert_eq!(of_one.up_to(LogPosition(10)), Some(LogPosition(10)));
        topics.tell(&[entry(11, 1), entry(12, 3), entry(13, 1), entry(14, 3)]);
        // One stream has an entry, the other has none.
        assert_eq!(of_one.up_to(LogPosition(10)), None);
        assert_eq!(of_two.up_to(LogPosition(10)), Some(LogPosition(14)));
        assert!(next(&mut two).is_none());
        assert_eq!(next(&mut one).unwrap().unwrap(), 11);
        assert_eq!(next(&mut one).unwrap().unwrap(), 13);
        assert!(next(&mut one).is_none());
        // Returned, but not processed.
        assert_eq!(of_one.up_to(LogPosition(11)), None);
        assert_eq!(of_one.up_to(LogPosition(13)), Some(LogPosition(14)));
    }

    #[tokio::test]
    async fn an_entry_wakes_a_waiting_feed() {
        let topics = Arc::new(Topics::new(LogPosition(0)));
        let mut feed = follow(&topics, 1, 0);
        let waiting = tokio::spawn(async move { feed.next().await.map(|entry| entry.position()) });
        tokio::task::yield_now().await;
        topics.tell(&[entry(1, 1)]);
        assert_eq!(waiting.await.unwrap().unwrap(), LogPosition(1));
    }

    #[tokio::test]
    async fn a_feed_behind_the_kept_entries_reads_the_database() {
        let topics = Arc::new(Topics::new(LogPosition(0)));
        let feed = follow(&topics, 1, 0);
        let all: Vec<_> = (1..=70).map(|position| entry(position, 1)).collect();
        topics.tell(&all);
        assert!(matches!(feed.kept(), Ok(Next::Behind)));
        assert!(matches!(follow(&topics, 1, 5).kept(), Ok(Next::Behind)));
        assert!(matches!(follow(&topics, 1, 6).kept(), Ok(Next::Entry(entry)) if entry.position().0 == 7));
        assert!(matches!(follow(&topics, 1, 70).kept(), Ok(Next::Nothing)));
    }

    #[tokio::test]
    async fn a_rewind_ends_existing_feeds() {
        let topics = Arc::new(Topics::new(LogPosition(10)));
        let mut feed = follow(&topics, 1, 10);
        let idle = feed.idle();
        topics.tell(&[entry(11, 2)]);
        topics.rewind(LogPosition(5));
        let Some(Err(FollowError::Rewound { from, to })) = next(&mut feed) else { panic!() };
        assert_eq!((from, to), (LogPosition(5), LogPosition(11)));
        assert_eq!(idle.up_to(LogPosition(11)), None);
        // A new feed follows the new log.
        let mut again = follow(&topics, 1, 5);
        drop((feed, idle));
        topics.tell(&[entry(6, 1)]);
        assert_eq!(next(&mut again).unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn a_topic_is_removed_with_its_last_feed() {
        let topics = Arc::new(Topics::new(LogPosition(0)));
        let (one, two) = (follow(&topics, 1, 0), follow(&topics, 1, 0));
        let idle = one.idle();
        drop((one, two));
        assert_eq!(lock(&topics.0).topics.len(), 1);
        drop(idle);
        assert!(lock(&topics.0).topics.is_empty());
    }
}
