//! Following the log: one reader a process, woken by NOTIFY and by a poll, fanned out in memory: whole, or by stream.

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

/// How long a lost notification can delay an event.
const POLL: Duration = Duration::from_secs(1);
/// Events read at once.
const BATCH: i64 = 500;
/// Events kept in memory for subscribers that lag; beyond it they read from the database again.
const FAN_OUT: usize = 4096;
/// Notices kept in memory for subscribers that lag; beyond it the oldest are lost.
const NOTICES: usize = 1024;
/// The channel that an append notifies.
const CHANNEL: &str = "events";

/// Short-lived news that is not an event.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A notification on another channel than the log's.
    Said {
        /// The channel.
        channel: String,
        /// Its text.
        payload: String,
    },
    /// The connection was lost and is back: what was said in between was not heard.
    Interrupted,
}

/// Why following ended.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log ends before what was seen of it: it was put back to an earlier state, from a backup.
    #[error("the log ends at {from}, before {to}, which was seen")]
    Rewound {
        /// Where the log ends.
        from: LogPosition,
        /// What was seen.
        to: LogPosition,
    },
}

/// What the reader tells the subscribers.
#[derive(Debug, Clone)]
enum Live {
    /// The next entry.
    Entry(LogEntry),
    /// The log ends here, before what was read of it.
    Rewound(LogPosition),
}

/// Follows the log for a whole process. Cloning shares the one reader; it stops with the last clone.
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
    /// Starts at the log's present head, listening on `channels` besides the log's own.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(pool: PgPool, channels: &[&str]) -> Result<Self, LogError> {
        let start = log::head(&pool).await?;
        let (entries, _) = broadcast::channel(FAN_OUT);
        let (notices, _) = broadcast::channel(NOTICES);
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

    /// The last position that this process has seen, and a way to wait for the next.
    pub fn head(&self) -> watch::Receiver<LogPosition> {
        self.0.head.clone()
    }

    /// News on the other channels, from now on.
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.0.notices.subscribe()
    }

    /// Every entry after a position: first what is stored, then what is appended, in order, each once,
    /// those that this program cannot read among them. A reader that falls behind what is kept in memory
    /// reads from the database again.
    ///
    /// Ends after an error; also when the log turns out to end before what was seen of it.
    pub fn entries_after(
        &self,
        after: LogPosition,
    ) -> impl Stream<Item = Result<LogEntry, FollowError>> + use<> {
        // Live first, stored after: what is appended in between is in both, and told apart by position.
        let live = self.0.entries.subscribe();
        // Whoever has seen what we have needs nothing that is stored.
        let behind = after < *self.0.head.borrow();
        let feed = Feed { shared: self.0.clone(), live, last: after, stored: Vec::new().into_iter(), behind };
        futures_util::stream::try_unfold(feed, |mut feed| async move {
            Ok(feed.next().await?.map(|event| (event, feed)))
        })
    }

    /// Every entry of one stream after a position: first what is stored, then what is appended, in order, each once,
    /// those that this program cannot read among them. Whoever waits is not woken by other streams' events, and
    /// however far behind the position is, only the stream itself is read.
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
                let entries = log::read_after(&self.shared.pool, self.last, BATCH).await?;
                self.behind = !entries.is_empty();
                self.stored = entries.into_iter();
                continue;
            }
            match self.live.recv().await {
                Ok(Live::Rewound(head)) if head < self.last => {
                    return Err(FollowError::Rewound { from: head, to: self.last });
                }
                // Somebody who had not seen as much.
                Ok(Live::Rewound(_)) => {}
                Ok(Live::Entry(entry)) if entry.position() <= self.last => {}
                // A gap can only mean that something was missed in memory: read it from the log.
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
                tokio::time::sleep(POLL).await;
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
            match tokio::time::timeout(POLL, listener.try_recv()).await {
                Ok(Ok(Some(notification))) if notification.channel() == CHANNEL => {}
                Ok(Ok(Some(notification))) => self.tell(Notice::Said {
                    channel: notification.channel().to_owned(),
                    payload: notification.payload().to_owned(),
                }),
                // The listener has connected again, and listens.
                Ok(Ok(None)) => self.tell(Notice::Interrupted),
                Ok(Err(error)) => return Err(error.into()),
                Err(_elapsed) => self.check_rewound().await?,
            }
        }
    }

    /// Nobody listening is no fault.
    fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }

    /// Positions only grow, unless the log was put back to an earlier state under us: its next events
    /// would have positions that were seen before, and nobody would hear of them.
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
            let entries = log::read_after(&self.pool, after, BATCH).await?;
            let Some(last) = entries.last().map(LogEntry::position) else { return Ok(()) };
            // Said before the entries are: whoever listens and then looks, and has seen as much, will hear
            // of everything else.
            self.seen.send_replace(last);
            self.topics.tell(&entries);
            for entry in entries {
                // Nobody listening is no fault.
                let _ = self.entries.send(Live::Entry(entry));
            }
        }
    }
}
