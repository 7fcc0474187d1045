//! Lookup of session tokens. Caches nothing between requests, so that the end of a session or a change of role applies
//! to the next request in every process. Concurrent lookups share one query.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Actor, Role};
use event_store::{Follower, Notice};
use sqlx::PgPool;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, mpsc, oneshot};
use uuid::Uuid;

use super::server_key::{Hash, ServerKey};
use super::session::{CHANNEL, STAFF_IDLE, is_token};
use crate::clock::Clock;

/// Capacity of the queue of lookups.
const LOOKUP_QUEUE_LENGTH: usize = 1_024;
/// Most lookups that share one query.
const LOOKUP_BATCH_MAX: usize = 256;
/// Time that a lookup may wait for a place in the queue.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// Precision with which the last use of a session is stored.
const LAST_USE_PRECISION: TimeDelta = TimeDelta::minutes(1);
/// Changes that a receiver may lag behind.
const CHANGE_BACKLOG_MAX: usize = 1_024;

/// A valid session.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// Id of the session.
    pub id: Uuid,
    /// Actor with its current role.
    pub actor: Actor,
    /// Time at which the session ends even if it is used.
    pub expires_at: DateTime<Utc>,
}

/// Change of sessions or rights, for open connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessChange {
    /// A session of this account has ended, or its rights have changed.
    Account(Uuid),
    /// Changes may have been missed, of any account.
    Any,
}

impl AccessChange {
    /// Whether the change may affect an account.
    pub fn concerns(self, account: Uuid) -> bool {
        match self {
            Self::Account(changed) => changed == account,
            Self::Any => true,
        }
    }
}

/// Reason why a token could not be looked up.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LookupError {
    /// The queue of lookups is full.
    #[error("too many session tokens are being looked up; try again")]
    Overloaded,
    /// The database did not answer.
    #[error("sessions cannot be read")]
    Database(#[source] Arc<sqlx::Error>),
    /// The account's row holds a role or a pizzeria that this program does not know.
    #[error("account {0} has a role or a pizzeria that this program does not know")]
    Unreadable(Uuid),
}

struct Lookup {
    present: Hash,
    previous: Option<Hash>,
    answer: oneshot::Sender<Result<Option<Session>, LookupError>>,
}

/// Looks up session tokens. Clones share the task that queries the database, which ends with the last clone.
#[derive(Debug, Clone)]
pub struct Authenticator {
    key: ServerKey,
    clock: Clock,
    lookups: mpsc::Sender<Lookup>,
    changes: broadcast::Sender<AccessChange>,
}

impl Authenticator {
    /// Starts the task over the sessions of a database.
    pub fn start(pool: PgPool, key: ServerKey, clock: Clock) -> Self {
        let (lookups, queue) = mpsc::channel(LOOKUP_QUEUE_LENGTH);
        tokio::spawn(supervise(Sessions { pool, clock }, queue));
        Self { key, clock, lookups, changes: broadcast::Sender::new(CHANGE_BACKLOG_MAX) }
    }

    /// Forwards the changes that a follower of [`CHANNEL`] receives, for as long as the follower lives.
    pub fn listen(&self, follower: &Follower) {
        tokio::spawn(forward(follower.notices(), self.changes.clone()));
    }

    /// Returns a receiver of changes made in any process. A connection whose account is affected must authenticate
    /// again; a receiver that lags must do so for every account. Expiry is not announced: authenticate periodically.
    pub fn changes(&self) -> broadcast::Receiver<AccessChange> {
        self.changes.subscribe()
    }

    /// Returns the session of a token, or `None` if the token is unknown or has expired. Counts as a use of the session.
    ///
    /// # Errors
    /// When the database does not answer, or the account cannot be read.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Session>, LookupError> {
        if !is_token(token) {
            return Ok(None);
        }
        let (answer, answered) = oneshot::channel();
        let present = self.key.hash(token);
        let previous = self.key.previous_hash(token, self.clock.now());
        let queued = self.lookups.send_timeout(Lookup { present, previous, answer }, QUEUE_TIMEOUT);
        queued.await.map_err(|_| LookupError::Overloaded)?;
        answered.await.map_err(|_| LookupError::Overloaded)?
    }
}

async fn forward(mut notices: broadcast::Receiver<Notice>, changes: broadcast::Sender<AccessChange>) {
    loop {
        let changed = match notices.recv().await {
            Ok(Notice::Said { channel, payload }) if channel == CHANNEL => {
                payload.parse().map_or(AccessChange::Any, AccessChange::Account)
            }
            Ok(Notice::Said { .. }) => continue,
            Ok(Notice::Interrupted) | Err(RecvError::Lagged(_)) => AccessChange::Any,
            Err(RecvError::Closed) => return,
        };
        // Sending fails only without receivers.
        let _ = changes.send(changed);
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    token_hash: Hash,
    id: Uuid,
    expires_at: DateTime<Utc>,
    last_used_at: DateTime<Utc>,
    account_id: Uuid,
    role: String,
    pizzeria: Option<String>,
}

impl TryFrom<Row> for Session {
    type Error = LookupError;

    fn try_from(row: Row) -> Result<Self, LookupError> {
        let unreadable = |_| LookupError::Unreadable(row.account_id);
        let role: Role = row.role.parse().map_err(unreadable)?;
        let pizzeria = row.pizzeria.map(|code| code.parse()).transpose().map_err(unreadable)?;
        let actor = Actor { id: row.account_id, role, pizzeria };
        Ok(Self { id: row.id, actor, expires_at: row.expires_at })
    }
}

/// Answers lookups until every sender is gone. Restarts after a panic; its callers get [`LookupError::Overloaded`].
async fn supervise(sessions: Sessions, queue: mpsc::Receiver<Lookup>) {
    let queue = Arc::new(tokio::sync::Mutex::new(queue));
    loop {
        let (sessions, queue) = (sessions.clone(), queue.clone());
        match tokio::spawn(async move { sessions.answer(&mut *queue.lock().await).await }).await {
            Ok(()) => return,
            Err(fault) => tracing::error!(%fault, "the lookup of sessions panicked and is restarted"),
        }
    }
}

/// Queries of sessions.
#[derive(Clone)]
struct Sessions {
    pool: PgPool,
    clock: Clock,
}

impl Sessions {
    async fn answer(self, queue: &mut mpsc::Receiver<Lookup>) {
        let mut lookups = Vec::with_capacity(LOOKUP_BATCH_MAX);
        while queue.recv_many(&mut lookups, LOOKUP_BATCH_MAX).await > 0 {
            let batch = std::mem::take(&mut lookups);
            let now = self.clock.now();
            let mut found = match self.find(&batch, now).await {
                Ok(found) => found,
                Err(error) => {
                    let error = LookupError::Database(Arc::new(error));
                    for lookup in batch {
                        // Sending fails only if the caller is gone.
                        let _ = lookup.answer.send(Err(error.clone()));
                    }
                    continue;
                }
            };
            let mut used = Vec::new();
            let mut moved = (Vec::new(), Vec::new());
            let mut answered: HashMap<Hash, Result<Session, LookupError>> = HashMap::new();
            for Lookup { present, previous, answer } in batch {
                let old = previous.and_then(|hash| Some((hash, found.remove(&hash)?)));
                let row = match old {
                    Some((hash, row)) => {
                        moved.0.push(hash);
                        moved.1.push(present);
                        Some(row)
                    }
                    None => found.remove(&present),
                };
                if let Some(row) = row {
                    if row.last_used_at + LAST_USE_PRECISION <= now {
                        used.push(row.id);
                    }
                    answered.insert(present, Session::try_from(row));
                }
                let _ = answer.send(answered.get(&present).cloned().transpose());
            }
            if let Err(error) = self.store_uses(&used, &moved, now).await {
                // The next use stores it.
                tracing::warn!(%error, "the use of sessions could not be stored");
            }
        }
    }

    async fn find(&self, lookups: &[Lookup], now: DateTime<Utc>) -> Result<HashMap<Hash, Row>, sqlx::Error> {
        let hashes = lookups.iter().flat_map(|lookup| std::iter::once(lookup.present).chain(lookup.previous));
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT s.token_hash, s.id, s.expires_at, s.last_used_at, s.account_id, a.role, a.pizzeria \
             FROM sessions s JOIN accounts a ON a.id = s.account_id \
             WHERE s.token_hash = ANY($1) AND s.expires_at > $2 AND a.active \
             AND (a.role = ANY($3) OR s.last_used_at > $4)",
        )
        .bind(hashes.collect::<Vec<Hash>>())
        .bind(now)
        // The functional check may be idle for a day; its token is short-lived or the operator's.
        .bind([Role::Customer.as_str(), Role::System.as_str()])
        .bind(now - STAFF_IDLE)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|row| (row.token_hash, row)).collect())
    }

    /// Stores the use of sessions, and moves sessions from the previous key to the present one.
    async fn store_uses(
        &self,
        used: &[Uuid],
        moved: &(Vec<Hash>, Vec<Hash>),
        now: DateTime<Utc>,
    ) -> Result<(), sqlx::Error> {
        if !used.is_empty() {
            // If another process holds the row, its update suffices.
            let noted = "UPDATE sessions SET last_used_at = $2 WHERE id IN \
                 (SELECT id FROM sessions WHERE id = ANY($1) AND last_used_at < $2 FOR UPDATE SKIP LOCKED)";
            sqlx::query(noted).bind(used).bind(now).execute(&self.pool).await?;
        }
        if !moved.0.is_empty() {
            let moving = "UPDATE sessions s SET token_hash = m.present FROM \
                 (SELECT id, present FROM unnest($1::bytea[], $2::bytea[]) AS pairs (previous, present) \
                 JOIN sessions ON token_hash = previous FOR UPDATE OF sessions SKIP LOCKED) AS m \
                 WHERE s.id = m.id";
            sqlx::query(moving).bind(&moved.0).bind(&moved.1).execute(&self.pool).await?;
        }
        Ok(())
    }
}
