//! Positions of the log and the read models as known to this process: its own runners report at once, everything else is
//! polled from the database.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use domain::LogPosition;
use event_store::{Follower, LogError, log};
use sqlx::PgPool;
use tokio::sync::{Notify, watch};

use crate::error::WaitError;
use crate::leadership::Leadership;
use crate::registry::Model;

/// Polling interval without waiting callers: the delay of an event whose notification is lost.
const IDLE_POLL_INTERVAL: Duration = Duration::from_secs(1);
/// Polling interval while a caller waits for a read model of another process.
const WAITING_POLL_INTERVAL: Duration = Duration::from_millis(20);

/// Longest wait of a query that names no position.
const BRIEF_WAIT_TIMEOUT: Duration = Duration::from_millis(250);
/// Largest lag of a read model, in events, for which a query waits briefly.
const BRIEF_WAIT_MAX_LAG: i64 = 1000;

/// The known positions.
#[derive(Debug)]
pub(crate) struct Progress {
    pool: PgPool,
    head: watch::Sender<i64>,
    reached: watch::Sender<BTreeMap<String, i64>>,
    waiting: AtomicUsize,
    wake: Notify,
}

/// Counts a waiting caller until it is dropped.
struct Waiter<'a>(&'a Progress);

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Progress {
    pub(crate) fn new(pool: PgPool) -> Self {
        Self {
            pool,
            head: watch::Sender::new(0),
            reached: watch::Sender::new(BTreeMap::new()),
            waiting: AtomicUsize::new(0),
            wake: Notify::new(),
        }
    }

    fn saw_head(&self, position: i64) {
        self.head.send_if_modified(|head| {
            let news = position > *head;
            *head = position.max(*head);
            news
        });
    }

    /// Records the position of a runner of this process, which may decrease after a rebuild.
    pub(crate) fn reached(&self, name: &str, position: i64) {
        self.reached.send_if_modified(|reached| reached.insert(name.to_owned(), position) != Some(position));
    }

    /// Records the checkpoints of everything that other processes run.
    fn read(&self, leadership: &Leadership, checkpoints: BTreeMap<String, i64>) {
        self.reached.send_if_modified(|reached| {
            let mut now = checkpoints;
            now.retain(|name, _| !leadership.holds(name));
            now.extend(
                reached.iter().filter(|(name, _)| leadership.holds(name)).map(|(n, at)| (n.clone(), *at)),
            );
            let news = now != *reached;
            *reached = now;
            news
        });
    }

    /// Waits until the log has an event after a position.
    pub(crate) async fn head_beyond(&self, position: i64) {
        // `self` owns the sender, so waiting cannot fail.
        let _ = self.head.subscribe().wait_for(|head| *head > position).await;
    }

    /// Follows the follower's head until it stops.
    pub(crate) async fn follow(self: Arc<Self>, follower: Follower) {
        let mut head = follower.head();
        loop {
            let position = head.borrow_and_update().0;
            self.saw_head(position);
            if head.changed().await.is_err() {
                return;
            }
        }
    }

    /// Polls the database. Never ends.
    pub(crate) async fn poll(self: Arc<Self>, leadership: Leadership) {
        loop {
            if let Err(error) = self.look(&leadership).await {
                tracing::debug!(%error, "the checkpoints cannot be read");
            }
            if self.waiting.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(WAITING_POLL_INTERVAL).await;
            } else {
                let _ = tokio::time::timeout(IDLE_POLL_INTERVAL, self.wake.notified()).await;
            }
        }
    }

    async fn look(&self, leadership: &Leadership) -> Result<(), LogError> {
        let head = log::head(&self.pool).await?.0;
        self.saw_head(head);
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT name, position FROM checkpoints").fetch_all(&self.pool).await?;
        self.read(leadership, rows.into_iter().collect());
        Ok(())
    }

    /// Waits briefly for read models with a small lag.
    pub(crate) async fn wait_briefly(&self, leadership: &Leadership, models: &[Model], wanted: LogPosition) {
        let reached = |model: &Model| self.reached.borrow().get(model.name()).copied().unwrap_or(0);
        if models.iter().all(|model| wanted.0 - reached(model) <= BRIEF_WAIT_MAX_LAG) {
            // A timeout is not an error: the answer is slightly out of date and names its position.
            let _ = self.wait_for(leadership, models, wanted, BRIEF_WAIT_TIMEOUT).await;
        }
    }

    /// Waits until read models have applied a position.
    pub(crate) async fn wait_for(
        &self,
        leadership: &Leadership,
        models: &[Model],
        wanted: LogPosition,
        timeout: Duration,
    ) -> Result<(), WaitError> {
        let at = |reached: &BTreeMap<String, i64>, model: &Model| {
            LogPosition(reached.get(model.name()).copied().unwrap_or(0))
        };
        let mut reached = self.reached.subscribe();
        if models.iter().all(|model| at(&reached.borrow(), model) >= wanted) {
            return Ok(());
        }
        // Models of this process report without polling.
        let _waiter = models.iter().any(|model| !leadership.holds(model.name())).then(|| {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            self.wake.notify_one();
            Waiter(self)
        });
        let there = |reached: &BTreeMap<String, i64>| models.iter().all(|model| at(reached, model) >= wanted);
        let _ = tokio::time::timeout(timeout, reached.wait_for(there)).await;
        let reached = reached.borrow();
        match models.iter().find(|model| at(&reached, model) < wanted) {
            None => Ok(()),
            Some(model) => Err(WaitError { model: *model, reached: at(&reached, model), wanted }),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::leadership::compete;

    #[tokio::test]
    async fn waits_briefly_for_a_small_lag_only() {
        let pool = PgPool::connect_lazy("postgres://127.0.0.1:1/none").unwrap();
        let (leadership, _contender) = compete(pool.clone(), Vec::new());
        let progress = Progress::new(pool);
        let wait =
            || progress.wait_briefly(&leadership, &[Model::Menus], LogPosition(BRIEF_WAIT_MAX_LAG + 1));
        progress.reached(Model::Menus.name(), 0);
        assert_eq!(wait().now_or_never(), Some(()), "far behind: at once");
        progress.reached(Model::Menus.name(), BRIEF_WAIT_MAX_LAG);
        assert_eq!(wait().now_or_never(), None, "small lag: waits");
        progress.reached(Model::Menus.name(), BRIEF_WAIT_MAX_LAG + 1);
        assert_eq!(wait().now_or_never(), Some(()), "there: at once");
    }
}
