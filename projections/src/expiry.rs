//! The timer that lets unpaid online orders expire: each second it looks for those whose time is over and
//! asks the domain, which decides. One process at a time runs it.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::usecase::ExpireOrder;
use event_store::EventStore;
use sqlx::PgPool;

use crate::leadership::Leadership;
use crate::order_board;
use crate::reactor::context_once;
use crate::runner::{Backoff, Chain};

/// The name of its lock.
pub(crate) const NAME: &str = "expiry";
/// How often it looks.
const TICK: Duration = Duration::from_secs(1);
/// Orders handled at a tick.
const AT_ONCE: i64 = 100;

/// What the timer needs.
pub(crate) struct Expiry {
    pub(crate) pool: PgPool,
    pub(crate) store: EventStore,
    pub(crate) now: fn() -> DateTime<Utc>,
}

#[derive(Debug, thiserror::Error)]
enum ExpiryError {
    #[error("the board cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("an order could not be asked to expire")]
    Store(#[from] event_store::StoreError),
}

impl Expiry {
    /// Ticks for as long as this process is the one to do so; then waits to be again.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.tick().await {
                    Ok(()) => {
                        backoff.reset();
                        tokio::time::sleep(TICK).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "unpaid orders could not be looked after");
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    async fn tick(&self) -> Result<(), ExpiryError> {
        let now = (self.now)();
        for order in order_board::unpaid_at(&self.pool, now, AT_ONCE).await? {
            let context = context_once(format!("{NAME}:{order}"), NAME);
            let outcome = self.store.execute(Arc::new(ExpireOrder { order, now }), context).await?;
            if let Some(refusal) = outcome.refusal {
                // Paid or changed a moment ago: the board has yet to hear of it.
                tracing::debug!(%order, code = refusal.code().as_str(), "does not expire");
            }
        }
        Ok(())
    }
}
