//! Maintenance: while it is on, mutations are refused, and everything else goes on. The database has the
//! one state; every process watches it and has it in memory, so that no request asks for it.

use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use event_store::{Follower, Notice};
use serde_json::{Value, json};
use sqlx::{PgExecutor, PgPool};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::time::{MissedTickBehavior, interval};

use crate::clock::in_seconds;

/// The channel that a change is told on.
pub const CHANNEL: &str = "maintenance_changed";
/// How often it is looked at all the same: a notification that is lost costs less than a second.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// After how long callers may try again when nobody has said, or the time that was said is past.
const DEFAULT_RETRY_DELAY: Duration = Duration::from_secs(30);
/// The longest message, in characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// A maintenance that is under way.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Window {
    /// What callers are told.
    pub message: String,
    /// When it was turned on.
    pub since: DateTime<Utc>,
    /// When it is expected to be over. It is over when it is turned off.
    pub until: Option<DateTime<Utc>>,
}

impl Window {
    /// How long callers are asked to wait: until the expected end, rounded up to whole seconds.
    pub fn retry_after(&self, now: DateTime<Utc>) -> u64 {
        let left = self.until.and_then(|until| (until - now).to_std().ok());
        in_seconds(left.filter(|left| !left.is_zero()).unwrap_or(DEFAULT_RETRY_DELAY))
    }

    /// As it is told to open connections.
    pub fn to_json(&self) -> Value {
        json!({
            "message": self.message,
            "since": rfc3339(self.since),
            "until": self.until.map(rfc3339),
        })
    }
}

/// In whole seconds, as operators and pages read it.
pub fn rfc3339(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What cannot be announced.
#[derive(Debug, thiserror::Error)]
pub enum MaintenanceError {
    /// Nothing is said, or too much.
    #[error("the message must have 1 to {MESSAGE_CHARS_MAX} characters, all on one line")]
    Message,
    /// It would be over before it begins.
    #[error("until must be later than now")]
    Over,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// What the database says.
///
/// # Errors
/// When it does not answer.
pub async fn read(db: impl PgExecutor<'_>) -> Result<Option<Window>, sqlx::Error> {
    let sql = "SELECT message, since, until FROM maintenance WHERE message IS NOT NULL";
    sqlx::query_as(sql).fetch_optional(db).await
}

/// Turns it on, or changes what is said of it; it then began when it first did.
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
    // One statement: the notification goes out with the change.
    let sql = "WITH changed AS (UPDATE maintenance SET message = $1, until = $2, since = coalesce(since, $3) \
               RETURNING message, since, until), told AS (SELECT pg_notify($4, '')) \
               SELECT message, since, until FROM changed, told";
    Ok(sqlx::query_as(sql).bind(message).bind(until).bind(now).bind(CHANNEL).fetch_one(db).await?)
}

/// Turns it off; whether it was on.
///
/// # Errors
/// When the database does not answer.
pub async fn turn_off(db: impl PgExecutor<'_>) -> Result<bool, sqlx::Error> {
    let sql = "WITH changed AS (UPDATE maintenance SET message = NULL, since = NULL, until = NULL \
               WHERE message IS NOT NULL RETURNING 1), told AS (SELECT pg_notify($1, '')) \
               SELECT EXISTS (SELECT FROM changed) FROM told";
    sqlx::query_scalar(sql).bind(CHANNEL).fetch_one(db).await
}

/// What this process knows of it. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Maintenance(watch::Receiver<Option<Window>>);

impl Maintenance {
    /// Reads the present state; what is returned beside it keeps up with changes, and must be run.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn start(
        pool: &PgPool,
        follower: &Follower,
    ) -> Result<(Self, impl Future<Output = ()> + Send + use<>), sqlx::Error> {
        // Listening before reading: nothing is missed in between.
        let notices = follower.notices();
        let (told, window) = watch::channel(read(pool).await?);
        Ok((Self(window), keep_up(pool.clone(), notices, told)))
    }

    /// The maintenance that is under way, if one is.
    pub fn window(&self) -> Option<Window> {
        self.0.borrow().clone()
    }

    /// The state, and a way to wait for the next.
    pub fn watch(&self) -> watch::Receiver<Option<Window>> {
        self.0.clone()
    }
}

async fn keep_up(
    pool: PgPool,
    mut notices: broadcast::Receiver<Notice>,
    told: watch::Sender<Option<Window>>,
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
        // While the database does not answer, it is as it was.
        let Ok(window) = read(&pool).await else { continue };
        let changed = told.send_if_modified(|known| {
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
    fn callers_wait_until_the_expected_end_or_half_a_minute() {
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
