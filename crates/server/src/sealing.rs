//! Keys that seal the log of a database and verify its heads.

use chrono::{DateTime, Utc};
use identity::accounts::ServerKey;
use sqlx::PgPool;
use transparency::{PublicKey, SealError, SealingKey, Signer, TrustedKeys, Until};
use uuid::Uuid;

use crate::config::Settings;

/// Returns the key that signs heads: the one set, or one derived from the token key.
///
/// # Errors
/// [`sqlx::Error`].
pub async fn key(settings: &Settings, pool: &PgPool) -> Result<SealingKey, sqlx::Error> {
    if let Some(key) = &settings.heads_key {
        return Ok(key.clone());
    }
    Ok(ServerKey::or_development(settings.signing_key(), pool).await?.sealing_key())
}

/// Returns the signer of a database's log, for commands.
///
/// # Errors
/// [`sqlx::Error`].
pub async fn signer(settings: &Settings, pool: &PgPool) -> Result<Signer, sqlx::Error> {
    Ok(Signer::new(key(settings, pool).await?, settings.heads_keys_retired.clone()))
}

/// Seals the events that a command has appended. If sealing is stopped, logs a warning: a serving process retries.
///
/// # Errors
/// [`sqlx::Error`].
pub async fn seal_all(settings: &Settings, pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let signer = signer(settings, pool).await?;
    match signer.seal(&mut *pool.acquire().await?, Until::Now, now).await {
        Ok(_) => {}
        Err(SealError::Database(error)) => return Err(error),
        Err(error) => tracing::warn!(%error, "the appended events are not sealed"),
    }
    Ok(())
}

/// Returns the keys whose heads are trusted: those given, the retired ones and this installation's. Without a key in the
/// settings, the latter is kept in the database, and is not trusted if other keys are given.
///
/// # Errors
/// [`sqlx::Error`].
pub async fn trusted(
    settings: &Settings,
    pool: &PgPool,
    log: Uuid,
    given: Vec<PublicKey>,
) -> Result<TrustedKeys, sqlx::Error> {
    let mut keys = settings.heads_keys_retired.clone();
    if settings.heads_key.is_some() || settings.key.is_some() || given.is_empty() {
        keys.push(key(settings, pool).await?.public(log));
    }
    keys.extend(given);
    Ok(keys.into_iter().collect())
}
