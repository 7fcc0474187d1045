//! Removes what is over: nobody is let in by it, and nothing is counted by it any more.

use std::time::Duration;

use chrono::TimeDelta;
use sqlx::PgPool;

use super::{ServerKey, attempt_limiter, devices, registration, second_factor, session};
use crate::clock::Clock;
use crate::expired_keys::ExpiredKeys;
use crate::holders;

/// How often.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(600);

/// Removes expired sessions, counts of attempts, addresses of old sign-ins, what was kept for accounts that never
/// were, and idempotency keys older than `key_age`, and moves secrets to the present key, now and then, for as long as
/// the database is open.
pub async fn run(pool: PgPool, key: ServerKey, clock: Clock, key_age: TimeDelta) {
    let mut keys = ExpiredKeys::default();
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    while !pool.is_closed() {
        ticks.tick().await;
        if let Err(error) = session::remove_expired(&pool, clock.now()).await {
            tracing::warn!(%error, "expired sessions could not be removed");
        }
        if let Err(error) = attempt_limiter::remove_over(&pool, clock.now()).await {
            tracing::warn!(%error, "counts of attempts could not be removed");
        }
        if let Err(error) = devices::remove_old(&pool, clock.now()).await {
            tracing::warn!(%error, "addresses of old sign-ins could not be removed");
        }
        if let Err(error) = second_factor::seal_again(&pool, &key, clock.now()).await {
            tracing::warn!(%error, "secrets could not be moved to the present key");
        }
        if let Err(error) = holders::remove_unused(&pool, clock.now()).await {
            tracing::warn!(%error, "ids of callers could not be removed");
        }
        if let Err(error) = registration::remove_abandoned(&pool, clock.now()).await {
            tracing::warn!(%error, "accounts that never were could not be removed");
        }
        if let Err(error) = keys.remove(&pool, key_age).await {
            tracing::warn!(%error, "expired idempotency keys could not be removed");
        }
    }
}
