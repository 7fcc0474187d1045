//! Batched reads of accounts: concurrent reads share one query. Caches nothing: every answer is read after its request.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgPool;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::account::{Account, AuthError, accounts_one_by_one};

type Found = Result<Option<Account>, Arc<AuthError>>;

/// Reader of accounts. Clones share queries.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    waiting: Mutex<Vec<(Uuid, oneshot::Sender<Found>)>>,
    /// Lock of the task that reads for all waiting calls.
    turn: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// Reads the accounts of a database.
    pub fn of(pool: PgPool) -> Self {
        Self(Arc::new(Shared { pool, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// Returns the account with an id, if it exists.
    ///
    /// # Errors
    /// When the database does not answer, or the row cannot be read.
    pub async fn by_id(&self, id: Uuid) -> Found {
        loop {
            let (answer, mut answered) = oneshot::channel();
            self.0.waiting().push((id, answer));
            tokio::select! {
                biased;
                found = &mut answered => {
                    if let Ok(found) = found {
                        return found;
                    }
                }
                turn = self.0.turn.lock() => {
                    self.0.read().await;
                    drop(turn);
                    if let Ok(found) = answered.await {
                        return found;
                    }
                }
            }
            // The task that read for this call was cancelled: try again.
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<(Uuid, oneshot::Sender<Found>)>> {
        // A panic cannot leave the list inconsistent.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn read(&self) {
        let waiting = std::mem::take(&mut *self.waiting());
        if waiting.is_empty() {
            return;
        }
        let mut ids: Vec<Uuid> = waiting.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let found = accounts_one_by_one(&self.pool, &ids).await;
        let found: Result<HashMap<_, _>, _> =
            found.map(|found| found.into_iter().collect()).map_err(|error| Arc::new(AuthError::from(error)));
        for (id, answer) in waiting {
            let own = match &found {
                Ok(found) => match found.get(&id) {
                    Some(Some(account)) => Ok(Some(account.clone())),
                    Some(None) => Err(Arc::new(AuthError::Unreadable(id))),
                    None => Ok(None),
                },
                Err(error) => Err(error.clone()),
            };
            // Sending fails only if the caller is gone.
            let _ = answer.send(own);
        }
    }
}
