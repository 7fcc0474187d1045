//! The timer that lets unpaid online orders expire: each second it looks for those whose time is over and
//! asks the domain, which decides. One process at a time runs it. An order that fails never holds up those
//! behind it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::OrderId;
use domain::usecase::ExpireOrder;
use event_store::{EventStore, StoreError};
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

/// Why nothing can be done for now, for whichever order.
#[derive(Debug, thiserror::Error)]
enum ExpiryError {
    #[error("the board cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("no order can be asked to expire")]
    Store(#[source] StoreError),
}

impl Expiry {
    /// Ticks for as long as this process is the one to do so; then waits to be again.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        let mut failing = BTreeSet::new();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.tick().await {
                    Ok(failed) => {
                        backoff.reset();
                        report(&failed, &failing);
                        failing = failed.into_iter().map(|(order, _)| order).collect();
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

    /// Asks every order whose time is over, and says which of them failed for a reason of their own.
    async fn tick(&self) -> Result<Vec<(OrderId, StoreError)>, ExpiryError> {
        let now = (self.now)();
        let mut failed = Vec::new();
        for order in order_board::unpaid_at(&self.pool, now, AT_ONCE).await? {
            let context = context_once(format!("{NAME}:{order}"), NAME);
            match self.store.execute(Arc::new(ExpireOrder { order, now }), context).await {
                Ok(outcome) => {
                    if let Some(refusal) = outcome.refusal {
                        // Paid or changed a moment ago: the board has yet to hear of it.
                        tracing::debug!(%order, code = refusal.code().as_str(), "does not expire");
                    }
                }
                Err(error @ (StoreError::Overloaded | StoreError::Unavailable(_))) => {
                    return Err(ExpiryError::Store(error));
                }
                Err(error) => failed.push((order, error)),
            }
        }
        Ok(failed)
    }
}

/// Reports orders that failed, each once for as long as it goes on failing.
fn report(failed: &[(OrderId, StoreError)], known: &BTreeSet<OrderId>) {
    for (order, error) in failed.iter().filter(|(order, _)| !known.contains(order)) {
        tracing::error!(%order, error = %Chain(error), "an unpaid order could not be asked to expire");
    }
}
