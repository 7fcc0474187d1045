//! Sessions: opaque bearer tokens, stored as their keyed hashes only, and never logged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use sqlx::PgPool;

use super::account::{AuthError, account_by_email};
use super::key::Key;
use crate::clock::Clock;

/// What every token begins with.
pub(super) const PREFIX: &str = "ocp_";
/// How long a session lasts.
const LIFETIME: TimeDelta = TimeDelta::days(30);

/// A new session of an account: its bearer token, shown once, and when it ends.
///
/// # Errors
/// [`AuthError::UnknownAccount`], or when the database does not answer.
pub async fn issue_token(
    pool: &PgPool,
    key: &Key,
    email: &str,
    clock: &Clock,
) -> Result<(String, DateTime<Utc>), AuthError> {
    let account = account_by_email(pool, email)
        .await?
        .ok_or_else(|| AuthError::UnknownAccount(email.trim().to_owned()))?;
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let now = clock.now();
    let expires_at = now + LIFETIME;
    sqlx::query(
        "INSERT INTO sessions (token_hash, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(&key.hash(&token)[..])
    .bind(account.id)
    .bind(now)
    .bind(expires_at)
    .execute(pool)
    .await?;
    Ok((token, expires_at))
}
