//! How far the log and the read models are, as this process knows: told by its own runners at once, and
//! by one poll of the database for everything else. Changes nothing in the database.

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

/// How often the database is asked when nobody waits for it: what a lost notification can cost.
const IDLE: Duration = Duration::from_secs(1);
/// How often it is asked while a caller waits for a read model that another process runs.
const WAITING: Duration = Duration::from_millis(20);

/// How long a query that names no position waits for the log as it is known.
const MOMENT: Duration = Duration::from_millis(250);
/// And how far a read model may be behind, in events, for that to be worth it.
const NEARLY: i64 = 1000;

/// What is known.
#[derive(Debug)]
pub(crate) struct Progress {
    pool: PgPool,
    head: watch::Sender<i64>,
    reached: watch::Sender<BTreeMap<String, i64>>,
    waiting: AtomicUsize,
    wake: Notify,
}

/// Counts a caller for as long as it waits.
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

    /// A runner of this process is here: further than before or, after a rebuild, less far.
    pub(crate) fn reached(&self, name: &str, position: i64) {
        self.reached.send_if_modified(|reached| reached.insert(name.to_owned(), position) != Some(position));
    }

    /// What the checkpoints say, of everything that this process does not run.
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

    /// Waits until the log goes on behind a position: at once when it is told, else within a second.
    pub(crate) async fn head_beyond(&self, position: i64) {
        // The sender is this value's own, so waiting cannot fail.
        let _ = self.head.subscribe().wait_for(|head| *head > position).await;
    }

    /// Listens to the follower, for ever.
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

    /// Polls the database, for ever.
    pub(crate) async fn poll(self: Arc<Self>, leadership: Leadership) {
        loop {
            if let Err(error) = self.look(&leadership).await {
                tracing::debug!(%error, "the checkpoints cannot be read");
            }
            if self.waiting.load(Ordering::Relaxed) > 0 {
                tokio::time::sleep(WAITING).await;
            } else {
                let _ = tokio::time::timeout(IDLE, self.wake.notified()).await;
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

    /// Waits a moment for read models that are nearly there.
    pub(crate) async fn wait_briefly(&self, leadership: &Leadership, models: &[Model], wanted: LogPosition) {
        let reached = |model: &Model| self.reached.borrow().get(model.name()).copied().unwrap_or(0);
        if models.iter().all(|model| wanted.0 - reached(model) <= NEARLY) {
            // Late is no fault: the answer is of a moment ago, and says its position.
            let _ = self.wait_for(leadership, models, wanted, MOMENT).await;
        }
    }

    /// Waits until read models have counted a position.
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
        // A model that this process runs is heard of without asking the database.
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
    async fn a_moment_is_waited_for_what_is_nearly_there_and_for_nothing_else() {
        let pool = PgPool::connect_lazy("postgres://127.0.0.1:1/none").unwrap();
        let (leadership, _contender) = compete(pool.clone(), Vec::new());
        let progress = Progress::new(pool);
        let wait = || progress.wait_briefly(&leadership, &[Model::Menus], LogPosition(NEARLY + 1));
        progress.reached(Model::Menus.name(), 0);
        assert_eq!(wait().now_or_never(), Some(()), "far behind: at once");
        progress.reached(Model::Menus.name(), NEARLY);
        assert_eq!(wait().now_or_never(), None, "nearly there: waits");
        progress.reached(Model::Menus.name(), NEARLY + 1);
        assert_eq!(wait().now_or_never(), Some(()), "there: at once");
    }
}
