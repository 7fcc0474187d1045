//! The timer that expires unpaid online orders: each second it sends a command for every overdue order, and the domain
//! decides. One process at a time runs it. Orders that are refused are deferred, so that they do not block others.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use domain::ids::OrderId;
use domain::usecase::ExpireOrder;
use event_store::{CommandContext, CommandResult, EventStore, StoreError};
use sqlx::PgPool;
use tokio::time::Instant;

use crate::leadership::Leadership;
use crate::order_board;
use crate::reactor::timer_context;
use crate::runner::{Backoff, Chain};

/// Name of the lock.
pub(crate) const NAME: &str = "expiry";
/// Interval between two ticks.
const TICK_INTERVAL: Duration = Duration::from_secs(1);
/// Orders handled per tick.
const MAX_ORDERS_PER_TICK: i64 = 100;
/// First delay of an order that did not expire; it doubles each time.
const FIRST_DELAY: Duration = Duration::from_secs(10);
/// Longest delay of an order that did not expire.
const MAX_DELAY: Duration = Duration::from_secs(600);

/// Returns the context of the command that expires an order.
pub fn context(order: OrderId) -> CommandContext {
    timer_context(NAME, &order.to_string())
}

/// The timer.
pub(crate) struct Expiry {
    pub(crate) pool: PgPool,
    pub(crate) store: EventStore,
    pub(crate) now: fn() -> DateTime<Utc>,
}

/// Why no order can be handled now.
#[derive(Debug, thiserror::Error)]
enum ExpiryError {
    #[error("the board cannot be read")]
    Database(#[from] sqlx::Error),
    #[error("no order can be asked to expire")]
    Store(#[source] StoreError),
}

/// Orders that did not expire. They are retried with growing delays.
#[derive(Debug, Default)]
struct Deferred(BTreeMap<OrderId, (Instant, Duration)>);

impl Deferred {
    /// Returns the orders whose delay is not over.
    fn waiting(&self, now: Instant) -> Vec<OrderId> {
        self.0.iter().filter(|(_, (until, _))| *until > now).map(|(order, _)| *order).collect()
    }

    /// Defers an order. Returns whether it is the first time.
    fn put(&mut self, order: OrderId, now: Instant) -> bool {
        let before = self.0.get(&order).map(|(_, pause)| *pause);
        let pause = before.map_or(FIRST_DELAY, |pause| pause.saturating_mul(2).min(MAX_DELAY));
        self.0.insert(order, (now + pause, pause));
        before.is_none()
    }

    /// Removes orders that were due again and are no longer on the board.
    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (until, pause)| now < *until + *pause);
    }
}

impl Expiry {
    /// Ticks while this process is the leader. Never ends.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        let mut deferred = Deferred::default();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.tick(&mut deferred).await {
                    Ok(()) => {
                        backoff.reset();
                        tokio::time::sleep(TICK_INTERVAL).await;
                    }
                    Err(error) => {
                        tracing::warn!(error = %Chain(&error), "unpaid orders could not be looked after");
                        backoff.pause().await;
                    }
                }
            }
        }
    }

    /// Sends a command for every overdue order.
    async fn tick(&self, deferred: &mut Deferred) -> Result<(), ExpiryError> {
        let now = (self.now)();
        let waiting = deferred.waiting(Instant::now());
        for order in order_board::unpaid_at(&self.pool, now, &waiting, MAX_ORDERS_PER_TICK).await? {
            let context = context(order);
            match self.store.execute(Arc::new(ExpireOrder { order, now }), context).await {
                Ok(CommandResult { refusal: None, .. }) => {}
                Ok(CommandResult { refusal: Some(refusal), .. }) => {
                    // Paid or changed a moment ago; the board is not up to date.
                    tracing::debug!(%order, code = refusal.code().as_str(), "does not expire");
                    deferred.put(order, Instant::now());
                }
                Err(error @ (StoreError::Overloaded | StoreError::Unavailable(_))) => {
                    return Err(ExpiryError::Store(error));
                }
                Err(error) => {
                    if deferred.put(order, Instant::now()) {
                        let error = Chain(&error);
                        tracing::error!(%order, %error, "an unpaid order could not be asked to expire");
                    }
                }
            }
        }
        deferred.forget_old(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn delay_of_an_order_doubles_until_it_is_forgotten() {
        let (order, start) = (OrderId(Uuid::from_u128(1)), Instant::now());
        let mut deferred = Deferred::default();
        assert!(deferred.put(order, start), "the first time");
        assert_eq!(deferred.waiting(start + FIRST_DELAY / 2), [order]);
        assert_eq!(deferred.waiting(start + FIRST_DELAY), []);
        assert!(!deferred.put(order, start + FIRST_DELAY));
        assert_eq!(deferred.waiting(start + FIRST_DELAY * 2), [order]);
        assert_eq!(deferred.waiting(start + FIRST_DELAY * 3), []);
        deferred.forget_old(start + FIRST_DELAY * 4);
        assert!(!deferred.put(order, start + FIRST_DELAY * 4), "still known");
        deferred.forget_old(start + MAX_DELAY * 3);
        assert!(deferred.put(order, start), "forgotten");
    }
}
