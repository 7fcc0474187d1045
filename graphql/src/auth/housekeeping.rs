//! Removes what is over: nobody is let in by it, and nothing is counted by it any more.

use std::time::Duration;

use sqlx::PgPool;

use super::{brakes, registration, session};
use crate::clock::Clock;

/// How often.
const EVERY: Duration = Duration::from_secs(600);

/// Removes expired sessions, counts of attempts, and what was kept for accounts that never were, now and then, for as long as the database is open.
pub async fn run(pool: PgPool, clock: Clock) {
    let mut ticks = tokio::time::interval(EVERY);
    while !pool.is_closed() {
        ticks.tick().await;
        if let Err(error) = session::remove_expired(&pool, clock.now()).await {
            tracing::warn!(%error, "expired sessions could not be removed");
        }
        if let Err(error) = brakes::remove_over(&pool, clock.now()).await {
            tracing::warn!(%error, "counts of attempts could not be removed");
        }
        if let Err(error) = registration::remove_abandoned(&pool, clock.now()).await {
            tracing::warn!(%error, "accounts that never were could not be removed");
        }
    }
}
