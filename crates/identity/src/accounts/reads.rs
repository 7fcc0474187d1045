//! One account for each of many who need theirs at the same moment: reads that wait share one query. Nothing is
//! remembered; what is answered was read after it was asked for.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::PgPool;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::account::{Account, AuthError, accounts_one_by_one};

type Found = Result<Option<Account>, Arc<AuthError>>;

/// Reads accounts. Clones share their queries.
#[derive(Debug, Clone)]
pub struct Accounts(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    pool: PgPool,
    waiting: Mutex<Vec<(Uuid, oneshot::Sender<Found>)>>,
    /// Whose turn it is to read for all who wait.
    turn: tokio::sync::Mutex<()>,
}

impl Accounts {
    /// Those of a database.
    pub fn of(pool: PgPool) -> Self {
        Self(Arc::new(Shared { pool, waiting: Mutex::default(), turn: tokio::sync::Mutex::default() }))
    }

    /// The account with an id, if there is one.
    ///
    /// # Errors
    /// `UNAVAILABLE` when the database does not answer, `INTERNAL` when the row cannot be read.
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
            // Who read for us has gone away in the middle of it.
        }
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<(Uuid, oneshot::Sender<Found>)>> {
        // Nothing in between can be left half done.
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
            // Who has gone away needs no answer.
            let _ = answer.send(own);
        }
    }
}
