//! The timer that lets unpaid online orders expire: each second it looks for those whose time is over and
//! asks the domain, which decides. One process at a time runs it. Orders that do not expire when asked,
//! however many they are, never hold up those behind them: they are put aside for a while.

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
use crate::reactor::context_once;
use crate::runner::{Backoff, Chain};

/// The name of its lock.
pub(crate) const NAME: &str = "expiry";
/// How often it looks.
const TICK: Duration = Duration::from_secs(1);
/// Orders handled at a tick.
const AT_ONCE: i64 = 100;
/// How long an order that did not expire is put aside, at first; twice as long each time.
const ASIDE: Duration = Duration::from_secs(10);
/// And at most.
const LONGEST_ASIDE: Duration = Duration::from_secs(600);

/// The context of asking an order to expire.
pub fn context(order: OrderId) -> CommandContext {
    context_once(format!("{NAME}:{order}"), NAME)
}

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

/// Orders that were asked and did not expire. They are asked again, later and later.
#[derive(Debug, Default)]
struct Aside(BTreeMap<OrderId, (Instant, Duration)>);

impl Aside {
    /// Those that are not to be asked yet.
    fn waiting(&self, now: Instant) -> Vec<OrderId> {
        self.0.iter().filter(|(_, (until, _))| *until > now).map(|(order, _)| *order).collect()
    }

    /// Puts an order aside; says whether it is the first time.
    fn put(&mut self, order: OrderId, now: Instant) -> bool {
        let before = self.0.get(&order).map(|(_, pause)| *pause);
        let pause = before.map_or(ASIDE, |pause| pause.saturating_mul(2).min(LONGEST_ASIDE));
        self.0.insert(order, (now + pause, pause));
        before.is_none()
    }

    /// Forgets those that are no longer heard of: their time came again, and the board has them no more.
    fn forget_old(&mut self, now: Instant) {
        self.0.retain(|_, (until, pause)| now < *until + *pause);
    }
}

impl Expiry {
    /// Ticks for as long as this process is the one to do so; then waits to be again.
    pub(crate) async fn run(self, leadership: Leadership) {
        let mut backoff = Backoff::default();
        let mut aside = Aside::default();
        loop {
            leadership.gained(NAME).await;
            while leadership.holds(NAME) {
                match self.tick(&mut aside).await {
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

    /// Asks orders whose time is over.
    async fn tick(&self, aside: &mut Aside) -> Result<(), ExpiryError> {
        let now = (self.now)();
        let waiting = aside.waiting(Instant::now());
        for order in order_board::unpaid_at(&self.pool, now, &waiting, AT_ONCE).await? {
            let context = context(order);
            match self.store.execute(Arc::new(ExpireOrder { order, now }), context).await {
                Ok(CommandResult { refusal: None, .. }) => {}
                Ok(CommandResult { refusal: Some(refusal), .. }) => {
                    // Paid or changed a moment ago: the board has yet to hear of it.
                    tracing::debug!(%order, code = refusal.code().as_str(), "does not expire");
                    aside.put(order, Instant::now());
                }
                Err(error @ (StoreError::Overloaded | StoreError::Unavailable(_))) => {
                    return Err(ExpiryError::Store(error));
                }
                Err(error) => {
                    if aside.put(order, Instant::now()) {
                        let error = Chain(&error);
                        tracing::error!(%order, %error, "an unpaid order could not be asked to expire");
                    }
                }
            }
        }
        aside.forget_old(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_does_not_expire_waits_longer_each_time() {
        let (order, start) = (OrderId(Uuid::from_u128(1)), Instant::now());
        let mut aside = Aside::default();
        assert!(aside.put(order, start), "the first time");
        assert_eq!(aside.waiting(start + ASIDE / 2), [order]);
        assert_eq!(aside.waiting(start + ASIDE), []);
        assert!(!aside.put(order, start + ASIDE));
        assert_eq!(aside.waiting(start + ASIDE * 2), [order]);
        assert_eq!(aside.waiting(start + ASIDE * 3), []);
        aside.forget_old(start + ASIDE * 4);
        assert!(!aside.put(order, start + ASIDE * 4), "still known");
        aside.forget_old(start + LONGEST_ASIDE * 3);
        assert!(aside.put(order, start), "forgotten");
    }
}
