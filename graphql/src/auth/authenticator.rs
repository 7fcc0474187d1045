//! Whose token it is.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use sqlx::PgPool;
use tokio::sync::broadcast;
use uuid::Uuid;

use super::account::{Account, AuthError, COLUMNS, Row};
use super::key::Key;
use super::session::PREFIX;
use crate::clock::Clock;

/// How long a revoked session may still be let in by a process that has just seen it.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// Sessions remembered at once.
const CACHED: usize = 10_000;
/// Changes that a listener may be behind.
const CHANGES: usize = 1_024;

type Cache = lru::LruCache<[u8; 32], (Instant, Option<Arc<Account>>)>;

/// Looks tokens up. Cloning shares what is remembered.
#[derive(Debug, Clone)]
pub struct Authenticator {
    pool: PgPool,
    key: Key,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
    changes: broadcast::Sender<Uuid>,
}

impl Authenticator {
    /// Over the sessions of a database.
    pub fn new(pool: PgPool, key: Key, clock: Clock) -> Self {
        let size = NonZeroUsize::new(CACHED).unwrap_or(NonZeroUsize::MIN);
        Self {
            pool,
            key,
            clock,
            cache: Arc::new(Mutex::new(Cache::new(size))),
            changes: broadcast::Sender::new(CHANGES),
        }
    }

    /// The accounts whose sessions have ended or whose rights have changed, as it happens, in any process.
    /// Who holds a connection for one asks again whether its token still lets it in; who has lagged
    /// behind asks for every one.
    pub fn changes(&self) -> broadcast::Receiver<Uuid> {
        self.changes.subscribe()
    }

    /// Whose token it is; nobody's when it is unknown or has ended. A change shows within a second.
    ///
    /// # Errors
    /// When the database does not answer, or the account cannot be read.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Arc<Account>>, AuthError> {
        if !token.starts_with(PREFIX) || token.len() > 128 {
            return Ok(None);
        }
        let hash = self.key.hash(token);
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            match cache.get(&hash) {
                Some((seen, account)) if seen.elapsed() < CACHED_FOR => return Ok(account.clone()),
                _ => {}
            }
        }
        let columns = COLUMNS.split(", ").map(|name| format!("a.{name}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {columns} FROM sessions s JOIN accounts a ON a.id = s.account_id \
             WHERE s.token_hash = $1 AND s.expires_at > $2"
        );
        let row: Option<Row> =
            sqlx::query_as(&sql).bind(&hash[..]).bind(self.clock.now()).fetch_optional(&self.pool).await?;
        let account = row.map(Account::try_from).transpose()?.map(Arc::new);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(hash, (Instant::now(), account.clone()));
        Ok(account)
    }
}
