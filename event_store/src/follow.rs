//! Follows the log: each process has one reader, woken by NOTIFY and by polling, that distributes entries in memory:
//! all of them, or those of one stream.

mod topics;

use std::sync::Arc;
use std::time::Duration;

use domain::{LogPosition, StreamId};
use futures_util::Stream;
use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;

use self::topics::Topics;
pub use self::topics::{Idle, StreamFeed};
use crate::log::{self, LogEntry, LogError};

/// Polling interval: the delay of an event whose notification is lost.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH_EVENTS: i64 = 500;
/// Entries kept in memory for slow subscribers; a slower one reads from the database again.
const MAX_LIVE_ENTRIES: usize = 4096;
/// Notices kept in memory for slow subscribers; beyond it the oldest are lost.
const MAX_NOTICES: usize = 1024;
/// NOTIFY channel of appends.
const CHANNEL: &str = "events";

/// A short-lived notification that is not an event.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A notification on a channel other than the log's.
    Said {
        /// The channel.
        channel: String,
        /// Its text.
        payload: String,
    },
    /// The connection was lost and is back: notifications in between are lost.
    Interrupted,
}

/// Why a feed ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log ends before a position that was already read: it was restored to an earlier state.
    #[error("the log ends at {from}, before {to}, which was seen")]
    Rewound {
        /// The log's last position.
        from: LogPosition,
        /// The position that was read.
        to: LogPosition,
    },
}

/// A message of the reader to subscribers.
#[derive(Debug, Clone)]
enum Live {
    /// The next entry.
    Entry(LogEntry),
    /// The log ends at this position, before one that was already read.
    Rewound(LogPosition),
}

/// Follows the log for a whole process. Clones share one reader, which stops with the last clone.
#[derive(Debug, Clone)]
pub struct Follower(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    entries: broadcast::Sender<Live>,
    notices: broadcast::Sender<Notice>,
    topics: Arc<Topics>,
    head: watch::Receiver<LogPosition>,
    task: JoinHandle<()>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Follower {
    /// Starts at the log's present head, and listens on `channels` besides the log's own.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn start(pool: PgPool, channels: &[&str]) -> Result<Self, LogError> {
        let start = log::head(&pool).await?;
        let (entries, _) = broadcast::channel(MAX_LIVE_ENTRIES);
        let (notices, _) = broadcast::channel(MAX_NOTICES);
        let (seen, head) = watch::channel(start);
        let channels = std::iter::once(CHANNEL).chain(channels.iter().copied()).map(str::to_owned).collect();
        let topics = Arc::new(Topics::new(start));
        let reader = Reader {
            pool: pool.clone(),
            channels,
            entries: entries.clone(),
            notices: notices.clone(),
            topics: topics.clone(),
            seen,
        };
        let task = tokio::spawn(reader.run());
        Ok(Self(Arc::new(Shared { pool, entries, notices, topics, head, task })))
    }

    /// Returns the last position that this process has read, as a channel to wait on.
    pub fn head(&self) -> watch::Receiver<LogPosition> {
        self.0.head.clone()
    }

    /// Returns the notifications on the other channels, from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// Returns every entry after a position, stored ones first and then live ones, in order, each once, including
    /// those that this program cannot read. A subscriber that falls behind the entries in memory reads from the
    /// database again.
    ///
    /// The stream ends after an error, also after [`FollowError::Rewound`].
    pub fn entries_after(
        &self,
        after: LogPosition,
    ) -> impl Stream<Item = Result<LogEntry, FollowError>> + use<> {
        // Subscribed before reading: an entry appended in between arrives twice, and its position tells.
        let live = self.0.entries.subscribe();
        let behind = after < *self.0.head.borrow();
        let feed = Feed { shared: self.0.clone(), live, last: after, stored: Vec::new().into_iter(), behind };
        futures_util::stream::try_unfold(feed, |mut feed| async move {
            Ok(feed.next().await?.map(|event| (event, feed)))
        })
    }

    /// Returns every entry of one stream after a position, stored ones first and then live ones, in order, each once,
    /// including those that this program cannot read. Events of other streams do not wake the feed, and only the
    /// stream itself is read.
    pub fn stream_after(&self, stream: StreamId, after: LogPosition) -> StreamFeed {
        StreamFeed::new(self.0.pool.clone(), &self.0.topics, stream, after)
    }
}

struct Feed {
    shared: Arc<Shared>,
    live: broadcast::Receiver<Live>,
    last: LogPosition,
    stored: std::vec::IntoIter<LogEntry>,
    behind: bool,
}

impl Feed {
    async fn next(&mut self) -> Result<Option<LogEntry>, FollowError> {
        loop {
            if let Some(entry) = self.stored.next() {
                self.last = entry.position();
                return Ok(Some(entry));
            }
            if self.behind {
                let entries = log::read_after(&self.shared.pool, self.last, BATCH_EVENTS).await?;
                self.behind = !entries.is_empty();
                self.stored = entries.into_iter();
                continue;
            }
            match self.live.recv().await {
                Ok(Live::Rewound(head)) if head < self.last => {
                    return Err(FollowError::Rewound { from: head, to: self.last });
                }
                // This subscriber has not read beyond the new end.
                Ok(Live::Rewound(_)) => {}
                Ok(Live::Entry(entry)) if entry.position() <= self.last => {}
                // A gap means that entries were missed in memory: read them from the log.
                Ok(Live::Entry(entry)) if entry.position().0 > self.last.0 + 1 => self.behind = true,
                Ok(Live::Entry(entry)) => {
                    self.last = entry.position();
                    return Ok(Some(entry));
                }
                Err(broadcast::error::RecvError::Lagged(_)) => self.behind = true,
                Err(broadcast::error::RecvError::Closed) => return Ok(None),
            }
        }
    }
}

struct Reader {
    pool: PgPool,
    channels: Vec<String>,
    entries: broadcast::Sender<Live>,
    notices: broadcast::Sender<Notice>,
    topics: Arc<Topics>,
    seen: watch::Sender<LogPosition>,
}

impl Reader {
    async fn run(self) {
        let mut interrupted = false;
        loop {
            if let Err(error) = self.follow(interrupted).await {
                tracing::warn!(%error, position = %*self.seen.borrow(), "following the log was interrupted");
                tokio::time::sleep(POLL_INTERVAL).await;
                interrupted = true;
            }
        }
    }

    async fn follow(&self, interrupted: bool) -> Result<(), LogError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.listen_all(self.channels.iter().map(String::as_str)).await?;
        if interrupted {
            self.tell(Notice::Interrupted);
        }
        loop {
            self.read_new().await?;
            match tokio::time::timeout(POLL_INTERVAL, listener.try_recv()).await {
                Ok(Ok(Some(notification))) if notification.channel() == CHANNEL => {}
                Ok(Ok(Some(notification))) => self.tell(Notice::Said {
                    channel: notification.channel().to_owned(),
                    payload: notification.payload().to_owned(),
                }),
                // The listener has reconnected.
                Ok(Ok(None)) => self.tell(Notice::Interrupted),
                Ok(Err(error)) => return Err(error.into()),
                Err(_elapsed) => self.check_rewound().await?,
            }
        }
    }

    /// Sends a notice; without subscribers it is dropped.
    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }

    /// Detects a log that was restored to an earlier state: its next events get positions that were already read, and
    /// would never be delivered.
    async fn check_rewound(&self) -> Result<(), LogError> {
        let seen = *self.seen.borrow();
        let head = log::head(&self.pool).await?;
        if head < seen {
            tracing::error!(%head, %seen, "the log ends before what was read of it: it was put back");
            self.seen.send_replace(head);
            let _ = self.entries.send(Live::Rewound(head));
            self.topics.rewind(head);
        }
        Ok(())
    }

    async fn read_new(&self) -> Result<(), LogError> {
        loop {
            let after = *self.seen.borrow();
            let entries = log::read_after(&self.pool, after, BATCH_EVENTS).await?;
            let Some(last) = entries.last().map(LogEntry::position) else { return Ok(()) };
            // Before the entries are sent: a subscriber that subscribes and then reads the head receives every later
            // entry.
            self.seen.send_replace(last);
            self.topics.tell(&entries);
            for entry in entries {
                // Without subscribers the entry is dropped.
                let _ = self.entries.send(Live::Entry(entry));
            }
        }
    }
}
