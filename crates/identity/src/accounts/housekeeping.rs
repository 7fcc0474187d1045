//! Periodic deletion of expired rows, and re-encryption of secrets after a key rotation.

use std::error::Error;
use std::time::Duration;

use chrono::TimeDelta;
use event_store::chain;
use sqlx::PgPool;

use super::{ServerKey, attempt_limiter, devices, registration, second_factor, session};
use crate::clock::Clock;
use crate::expired_keys::ExpiredKeys;
use crate::holders;

/// Interval between runs.
const HOUSEKEEPING_INTERVAL: Duration = Duration::from_secs(600);

/// Deletes expired sessions, attempt counters, known addresses, holder ids, abandoned reservations and idempotency keys
/// older than `key_age`, and re-encrypts secrets under the present key. Runs until the pool is closed.
pub async fn run(pool: PgPool, key: ServerKey, clock: Clock, key_age: TimeDelta) {
    let mut keys = ExpiredKeys::default();
    let mut ticks = tokio::time::interval(HOUSEKEEPING_INTERVAL);
    while !pool.is_closed() {
        ticks.tick().await;
        report("expired sessions", session::remove_expired(&pool, clock.now()).await);
        report("attempt counters", attempt_limiter::remove_expired(&pool, clock.now()).await);
        report("known addresses", devices::remove_old(&pool, clock.now()).await);
        report("re-encryption of secrets", second_factor::reencrypt(&pool, &key, clock.now()).await);
        report("holder ids", holders::remove_unused(&pool, clock.now()).await);
        report("abandoned reservations", registration::remove_abandoned(&pool, clock.now()).await);
        report("idempotency keys", keys.remove(&pool, key_age).await);
    }
}

fn report<T>(task: &str, done: Result<T, impl Error + 'static>) {
    if let Err(error) = done {
        tracing::warn!(task, error = chain(&error), "housekeeping failed and is repeated later");
    }
}
