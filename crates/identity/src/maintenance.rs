//! Maintenance: while it is on, mutations are refused and everything else continues. The state is one row; every
//! process follows it and keeps a copy in memory, so that no request reads the database for it.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{Follower, Notice};
use serde_json::{Value, json};
use sqlx::{PgExecutor, PgPool};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::in_seconds;

/// Notification channel of changes.
pub const CHANNEL: &str = "maintenance_changed";
/// Interval at which the row is read even without a notification, which may be lost.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// Retry delay when no expected end is set or it has passed.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(30);
/// Longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// A running maintenance.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Window {
    /// Message for callers.
    pub message: String,
    /// Time at which it was turned on.
    pub since: DateTime<Utc>,
    /// Expected end. The maintenance ends only when it is turned off.
    pub until: Option<DateTime<Utc>>,
}

impl Window {
    /// Returns the seconds until the expected end, rounded up, or a default.
    pub fn retry_after(&self, now: DateTime<Utc>) -> u64 {
        let left = self.until.and_then(|until| (until - now).to_std().ok());
        in_seconds(left.filter(|left| !left.is_zero()).unwrap_or(DEFAULT_RETRY_DELAY))
    }

    /// Returns the message for open connections.
    pub fn to_json(&self) -> Value {
        json!({
            "message": self.message,
            "since": rfc3339(self.since),
            "until": self.until.map(rfc3339),
        })
    }
}

/// Formats a time as RFC 3339 in whole seconds.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// Reason why a maintenance cannot be turned on.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// The message is empty, too long or has control characters.
    #[error("the message must have 1 to {MESSAGE_CHARS_MAX} characters on one line")]
    Message,
    /// The expected end is in the past.
    #[error("until must be later than now")]
    Over,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Reads the state from the database.
///
/// # Errors
/// When the database does not answer.
pub async fn read(db: impl PgExecutor<'_>) -> Result<Option<Window>, sqlx::Error> {
    let sql = "SELECT message, since, until FROM maintenance WHERE message IS NOT NULL";
    sqlx::query_as(sql).fetch_optional(db).await
}

/// Turns maintenance on, or changes its message and end; `since` then stays.
///
/// # Errors
/// [`MaintenanceError`].
pub async fn turn_on(
    db: impl PgExecutor<'_>,
    message: &str,
    until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<Window, MaintenanceError> {
    let message = message.trim();
    let length = message.chars().count();
    if length == 0 || length > MESSAGE_CHARS_MAX || message.chars().any(char::is_control) {
        return Err(MaintenanceError::Message);
    }
    if until.is_some_and(|until| until <= now) {
        return Err(MaintenanceError::Over);
    }
    // One statement, so that the change and its notification commit together.
    let sql = "WITH changed AS (UPDATE maintenance SET message = $1, until = $2, since = coalesce(since, $3) \
               RETURNING message, since, until), told AS (SELECT pg_notify($4, '')) \
               SELECT message, since, until FROM changed, told";
    Ok(sqlx::query_as(sql).bind(message).bind(until).bind(now).bind(CHANNEL).fetch_one(db).await?)
}

/// Turns maintenance off. Returns whether it was on.
///
/// # Errors
/// When the database does not answer.
pub async fn turn_off(db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    let sql = "WITH changed AS (UPDATE maintenance SET message = NULL, since = NULL, until = NULL \
               WHERE message IS NOT NULL RETURNING 1), told AS (SELECT pg_notify($1, '')) \
               SELECT EXISTS (SELECT FROM changed) FROM told";
    sqlx::query_scalar(sql).bind(CHANNEL).fetch_one(db).await
}

/// This process's copy of the state. Clones share it.
#[derive(Debug, Clone)]
pub struct Maintenance(watch::Receiver<Option<Window>>);

impl Maintenance {
    /// Reads the state. Returns it with a future that follows changes, which the caller must run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(
        pool: &PgPool,
        follower: &Follower,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), sqlx::Error> {
        // Subscribes before it reads, so that no change is missed.
        let notices = follower.notices();
        let (sender, window) = watch::channel(read(pool).await?);
        Ok((Self(window), follow(pool.clone(), notices, sender)))
    }

    /// Returns the running maintenance, if any.
    pub fn window(&self) -> Option<Window> {
        self.0.borrow().clone()
    }

    /// Returns a receiver of the state and its changes.
    pub fn watch(&self) -> watch::Receiver<Option<Window>> {
        self.0.clone()
    }
}

async fn follow(
    pool: PgPool,
    mut notices: broadcast::Receiver<Notice>,
    sender: watch::Sender<Option<Window>>,
) {
    let mut poll = interval(POLL_INTERVAL);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = poll.tick() => {}
            notice = notices.recv() => match notice {
                Ok(Notice::Said { channel, .. }) if channel != CHANNEL => continue,
                Ok(Notice::Said { .. } | Notice::Interrupted) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
        }
        // Keeps the known state while the database does not answer.
        let Ok(window) = read(&pool).await else { continue };
        let changed = sender.send_if_modified(|known| {
            let differs = *known != window;
            known.clone_from(&window);
            differs
        });
        if changed {
            let message = window.as_ref().map(|window| &*window.message);
            tracing::info!(on = window.is_some(), message, "maintenance has changed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_delay_ends_at_the_expected_end_or_after_30_seconds() {
        let now = DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap_or_default();
        let window = |until: Option<i64>| Window {
            message: "Back soon".to_owned(),
            since: now,
            until: until.and_then(|at| DateTime::from_timestamp(at, 0)),
        };
        for (until, seconds) in [
            (None, 30),
            (Some(1_800_000_060), 60),
            (Some(1_800_000_001), 1),
            (Some(1_800_000_000), 30),
            (Some(1_700_000_000), 30),
        ] {
            assert_eq!(window(until).retry_after(now), seconds, "{until:?}");
        }
    }
}
