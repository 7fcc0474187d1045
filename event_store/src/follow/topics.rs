//! Streams that somebody follows by themselves: an event wakes those who follow its stream, and nobody else, however
//! many follow others.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::{LogPosition, StreamId};
use sqlx::PgPool;
use tokio::sync::Notify;

use super::FollowError;
use crate::log::{self, LogEntry};

/// Entries of one stream that are kept in memory; who is further behind reads from the database.
const KEPT: usize = 64;
/// Entries of one stream that are read at once.
const PAGE: i64 = 500;

/// All streams that are followed by themselves.
#[derive(Debug)]
pub(super) struct Topics(Mutex<Told>);

#[derive(Debug)]
struct Told {
    /// Every entry up to here has been told.
    up_to: LogPosition,
    /// With how many follow each.
    topics: HashMap<StreamId, (Arc<Topic>, usize)>,
}

/// One of them. Always locked after [`Topics`], where both are.
#[derive(Debug)]
struct Topic {
    kept: Mutex<Kept>,
    news: Notify,
}

#[derive(Debug)]
struct Kept {
    /// Everything of the stream behind this, and up to what was told, is kept.
    behind: LogPosition,
    entries: VecDeque<LogEntry>,
    /// Where the log was found to end, and what had been told of it before.
    rewound: Option<(LogPosition, LogPosition)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Topics {
    pub fn new(up_to: LogPosition) -> Self {
        Self(Mutex::new(Told { up_to, topics: HashMap::new() }))
    }

    /// Passes entries on, which are all that lie behind those before them.
    pub fn tell(&self, entries: &[LogEntry]) {
        let mut told = lock(&self.0);
        for entry in entries {
            // Nobody can follow what this program does not know.
            let Some((topic, _)) = entry.stream().and_then(|stream| told.topics.get(&stream)) else {
                continue;
            };
            let mut kept = lock(&topic.kept);
            if kept.entries.len() == KEPT
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

    /// The log ends before what was told of it. Whoever follows ends; who comes from here on begins anew.
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
        let kept = || Mutex::new(Kept { behind, entries: VecDeque::new(), rewound: None });
        let topic = || Arc::new(Topic { kept: kept(), news: Notify::new() });
        let (topic, followers) = told.topics.entry(stream.clone()).or_insert_with(|| (topic(), 0));
        *followers += 1;
        topic.clone()
    }

    fn leave(&self, stream: &StreamId, topic: &Arc<Topic>) {
        let mut told = lock(&self.0);
        // After the log was put back, there may be another of the stream.
        let Some((current, followers)) = told.topics.get_mut(stream) else { return };
        if Arc::ptr_eq(current, topic) {
            *followers -= 1;
            if *followers == 0 {
                told.topics.remove(stream);
            }
        }
    }
}

/// What the reader of a stream and [`Idle`] share.
#[derive(Debug)]
struct Following {
    topics: Arc<Topics>,
    stream: StreamId,
    topic: Arc<Topic>,
    /// The last entry that was given out; the beginning before there is one.
    given: AtomicI64,
    /// Up to where everything was given out. Written after `given`, and read before it.
    reached: AtomicI64,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.topics.leave(&self.stream, &self.topic);
    }
}

/// One stream's entries after a position, in order, each once. See [`super::Follower::stream_after`].
#[derive(Debug)]
pub struct StreamFeed {
    pool: PgPool,
    following: Arc<Following>,
    stored: VecDeque<LogEntry>,
}

/// How far the log is known to hold nothing more of a stream.
#[derive(Debug)]
pub struct Idle(Arc<Following>);

impl Idle {
    /// The position up to which nothing of the stream follows, for whoever has taken everything up to `taken`; none
    /// while something does.
    pub fn up_to(&self, taken: LogPosition) -> Option<LogPosition> {
        // In this order: what was told is in the topic before it is said to have been.
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

    /// Says how far the log holds nothing more of the stream, without waking who waits for it.
    pub fn idle(&self) -> Idle {
        Idle(self.following.clone())
    }

    /// The next entry, however long it takes. It may be left half-way without losing anything.
    ///
    /// # Errors
    /// When the log cannot be read, or ends before what was seen of it.
    pub async fn next(&mut self) -> Result<LogEntry, FollowError> {
        loop {
            if let Some(entry) = self.stored.pop_front() {
                return Ok(self.following.give(entry));
            }
            let topic = self.following.topic.clone();
            // Made before looking: it hears of everything from here on.
            let news = topic.news.notified();
            match self.kept()? {
                Next::Entry(entry) => return Ok(self.following.give(entry)),
                // Rare, and large: not a part of what waits.
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

    /// Reads what is stored and kept no more.
    async fn catch_up(&mut self) -> Result<(), FollowError> {
        // What is told from here on is kept, or found again to be kept no more.
        let told = self.following.topics.up_to();
        let stream = std::slice::from_ref(&self.following.stream);
        let last = self.following.reached();
        let page = log::histories(&self.pool, stream, last, PAGE).await?;
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
            },
            event,
        }))
    }

    /// Follows from a position on; the database is never asked.
    fn follow(topics: &Arc<Topics>, customer: u128, after: i64) -> StreamFeed {
        let pool = PgPool::connect_lazy("postgres://127.0.0.1:1/none").unwrap();
        StreamFeed::new(pool, topics, stream(customer), LogPosition(after))
    }

    /// The position of what is there now.
    fn next(feed: &mut StreamFeed) -> Option<Result<i64, FollowError>> {
        feed.next().now_or_never().map(|entry| entry.map(|entry| entry.position().0))
    }

    #[tokio::test]
    async fn a_stream_gives_its_own_entries_in_order_and_knows_how_far_there_are_no_more() {
        let topics = Arc::new(Topics::new(LogPosition(10)));
        let (mut one, mut two) = (follow(&topics, 1, 10), follow(&topics, 2, 10));
        let (of_one, of_two) = (one.idle(), two.idle());
        assert!(next(&mut one).is_none());
        assert_eq!(of_one.up_to(LogPosition(10)), Some(LogPosition(10)));
        topics.tell(&[entry(11, 1), entry(12, 3), entry(13, 1), entry(14, 3)]);
        // There is something for one, and nothing for the other.
        assert_eq!(of_one.up_to(LogPosition(10)), None);
        assert_eq!(of_two.up_to(LogPosition(10)), Some(LogPosition(14)));
        assert!(next(&mut two).is_none());
        assert_eq!(next(&mut one).unwrap().unwrap(), 11);
        assert_eq!(next(&mut one).unwrap().unwrap(), 13);
        assert!(next(&mut one).is_none());
        // Given, but not taken yet.
        assert_eq!(of_one.up_to(LogPosition(11)), None);
        assert_eq!(of_one.up_to(LogPosition(13)), Some(LogPosition(14)));
    }

    #[tokio::test]
    async fn who_waits_is_woken() {
        let topics = Arc::new(Topics::new(LogPosition(0)));
        let mut feed = follow(&topics, 1, 0);
        let waiting = tokio::spawn(async move { feed.next().await.map(|entry| entry.position()) });
        tokio::task::yield_now().await;
        topics.tell(&[entry(1, 1)]);
        assert_eq!(waiting.await.unwrap().unwrap(), LogPosition(1));
    }

    #[tokio::test]
    async fn who_is_behind_what_is_kept_must_read() {
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
    async fn a_log_that_was_put_back_ends_those_who_saw_it() {
        let topics = Arc::new(Topics::new(LogPosition(10)));
        let mut feed = follow(&topics, 1, 10);
        let idle = feed.idle();
        topics.tell(&[entry(11, 2)]);
        topics.rewind(LogPosition(5));
        let Some(Err(FollowError::Rewound { from, to })) = next(&mut feed) else { panic!() };
        assert_eq!((from, to), (LogPosition(5), LogPosition(11)));
        assert_eq!(idle.up_to(LogPosition(11)), None);
        // Who comes then follows the new log.
        let mut again = follow(&topics, 1, 5);
        drop((feed, idle));
        topics.tell(&[entry(6, 1)]);
        assert_eq!(next(&mut again).unwrap().unwrap(), 6);
    }

    #[tokio::test]
    async fn nothing_is_left_of_who_leaves() {
        let topics = Arc::new(Topics::new(LogPosition(0)));
        let (one, two) = (follow(&topics, 1, 0), follow(&topics, 1, 0));
        let idle = one.idle();
        drop((one, two));
        assert_eq!(lock(&topics.0).topics.len(), 1);
        drop(idle);
        assert!(lock(&topics.0).topics.is_empty());
    }
}
