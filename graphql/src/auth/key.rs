//! The key that what lets somebody in is stored under, and the one before it for as long as it is accepted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use event_store::merkle::SealingKey;
use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use sqlx::PgPool;

/// What is stored in the place of a secret.
pub type Hash = [u8; 32];

/// The key that tokens are stored under.
#[derive(Debug, Clone)]
pub struct Key(Arc<Keys>);

#[derive(Debug)]
struct Keys {
    present: SecretSlice<u8>,
    previous: Option<Previous>,
}

#[derive(Debug)]
struct Previous {
    key: SecretSlice<u8>,
    until: DateTime<Utc>,
}

fn bytes_of(secret: &SecretString) -> SecretSlice<u8> {
    secret.expose_secret().as_bytes().to_vec().into()
}

fn hash(key: &SecretSlice<u8>, text: &str) -> Hash {
    // HMAC takes a key of any length.
    #[allow(clippy::expect_used)]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("any length is a key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

impl Key {
    /// From `OCPIZZA_MANAGER_KEY`.
    pub fn of(secret: &SecretString) -> Self {
        Self(Arc::new(Keys { present: bytes_of(secret), previous: None }))
    }

    /// The same, while what was stored under the key before it is still accepted, until some time.
    #[must_use]
    pub fn after(secret: &SecretString, previous: &SecretString, until: DateTime<Utc>) -> Self {
        let previous = Some(Previous { key: bytes_of(previous), until });
        Self(Arc::new(Keys { present: bytes_of(secret), previous }))
    }

    /// The key of a deployment that sets none: made once, kept in the database, the same for all
    /// its processes. For development and the demo: whoever reads the database can then forge sessions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn development(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut fresh = vec![0; 32];
        rand::rng().fill_bytes(&mut fresh);
        sqlx::query("INSERT INTO development_keys (key) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(fresh)
            .execute(pool)
            .await?;
        let key: Vec<u8> = sqlx::query_scalar("SELECT key FROM development_keys").fetch_one(pool).await?;
        Ok(Self(Arc::new(Keys { present: key.into(), previous: None })))
    }

    /// The key that the settings give, else the one of [`Key::development`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn given_or_development(given: Option<Self>, pool: &PgPool) -> Result<Self, sqlx::Error> {
        match given {
            Some(key) => Ok(key),
            None => Self::development(pool).await,
        }
    }

    /// What the log is sealed with when no key is set for that: derived, so that neither can be computed from the
    /// other's hashes.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey::derived_from(self.0.present.expose_secret())
    }

    /// What is stored of a token.
    pub fn hash(&self, token: &str) -> Hash {
        hash(&self.0.present, token)
    }

    /// What may be stored of a token that was issued under the key before this one; none once that is
    /// accepted no more.
    pub fn previous_hash(&self, token: &str, now: DateTime<Utc>) -> Option<Hash> {
        let previous = self.0.previous.as_ref().filter(|previous| now < previous.until)?;
        Some(hash(&previous.key, token))
    }

    /// Whatever may be stored of a token, for `= ANY`.
    pub fn hashes(&self, token: &str, now: DateTime<Utc>) -> Vec<Hash> {
        std::iter::once(self.hash(token)).chain(self.previous_hash(token, now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_previous_key_is_accepted_until_its_time() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let until: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let stored = Key::of(&old).hash("token");
        let rotated = Key::after(&new, &old, until);
        assert_ne!(rotated.hash("token"), stored);
        assert!(rotated.hashes("token", until - chrono::TimeDelta::seconds(1)).contains(&stored));
        assert_eq!(rotated.hashes("token", until), [Key::of(&new).hash("token")]);
        assert_eq!(Key::of(&new).previous_hash("token", until), None);
        assert!(!format!("{rotated:?}").contains("111"), "a key is never shown");
    }
}
