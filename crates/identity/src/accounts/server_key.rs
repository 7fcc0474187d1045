//! The key that what lets somebody in is stored under, and the one before it for as long as it is accepted.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use rand::RngCore;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use sqlx::PgPool;
use transparency::SealingKey;

/// What is stored in the place of a secret.
pub type Hash = [u8; 32];

/// The cipher refuses its input: it is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret cannot be encrypted")]
pub struct SealError;

/// The key that tokens are stored under.
#[derive(Debug, Clone)]
pub struct ServerKey(Arc<Keys>);

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

/// The key that stored secrets are sealed under: derived, so that it is used for nothing else.
fn cipher(key: &SecretSlice<u8>) -> Option<LessSafeKey> {
    let mut derived = [0; 32];
    Hkdf::<Sha256>::new(None, key.expose_secret())
        .expand(b"OC Pizza-Manager: sealing of stored secrets, 1", &mut derived)
        .ok()?;
    Some(LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, &derived).ok()?))
}

fn open(key: &SecretSlice<u8>, context: &[u8], sealed: &[u8]) -> Option<SecretSlice<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let opened = cipher(key)?.open_in_place(nonce, Aad::from(context), &mut text).ok()?;
    Some(opened.to_vec().into())
}

fn hash(key: &SecretSlice<u8>, text: &str) -> Hash {
    // HMAC takes a key of any length.
    #[allow(clippy::expect_used)]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("any length is a key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

impl ServerKey {
    /// From `OCPIZZA_MANAGER_KEY`.
    pub fn new(secret: &SecretString) -> Self {
        Self(Arc::new(Keys { present: bytes_of(secret), previous: None }))
    }

    /// The same, while what was stored under the key before it is still accepted, until some time.
    #[must_use]
    pub fn rotated(secret: &SecretString, previous: &SecretString, until: DateTime<Utc>) -> Self {
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

    /// The key that the settings give, else the one of [`ServerKey::development`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn or_development(given: Option<Self>, pool: &PgPool) -> Result<Self, sqlx::Error> {
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

    /// Encrypts a secret that is to be stored, bound to a context such as the account's id: a random nonce, then
    /// the text with its tag.
    ///
    /// # Errors
    /// [`SealError`] when the cipher refuses its input.
    pub fn seal(&self, context: &[u8], secret: &[u8]) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut text = secret.to_vec();
        cipher(&self.0.present)
            .ok_or(SealError)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(context), &mut text)
            .map_err(|_| SealError)?;
        Ok([&nonce[..], &text].concat())
    }

    /// Decrypts what [`ServerKey::seal`] has made under this key, or under the one before it while that is accepted.
    pub fn open(&self, context: &[u8], sealed: &[u8], now: DateTime<Utc>) -> Option<SecretSlice<u8>> {
        open(&self.0.present, context, sealed).or_else(|| self.open_previous(context, sealed, now))
    }

    /// Decrypts what was sealed under the key before this one, while that is accepted.
    pub fn open_previous(
        &self,
        context: &[u8],
        sealed: &[u8],
        now: DateTime<Utc>,
    ) -> Option<SecretSlice<u8>> {
        let previous = self.0.previous.as_ref().filter(|previous| now < previous.until)?;
        open(&previous.key, context, sealed)
    }

    /// Whether a key before this one is still accepted.
    pub fn is_rotating(&self, now: DateTime<Utc>) -> bool {
        self.0.previous.as_ref().is_some_and(|previous| now < previous.until)
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
    fn a_sealed_secret_opens_under_its_key_and_in_its_context_only() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let until: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let sealed = ServerKey::new(&old).seal(b"ada", b"secret").unwrap();
        assert_ne!(ServerKey::new(&old).seal(b"ada", b"secret").unwrap(), sealed, "a nonce of its own");
        assert!(!sealed.windows(6).any(|part| part == b"secret"));
        let opened = |key: &ServerKey, context: &[u8], sealed: &[u8], now| {
            key.open(context, sealed, now).map(|secret| secret.expose_secret().to_vec())
        };
        assert_eq!(opened(&ServerKey::new(&old), b"ada", &sealed, until), Some(b"secret".to_vec()));
        assert_eq!(opened(&ServerKey::new(&old), b"bob", &sealed, until), None);
        assert_eq!(opened(&ServerKey::new(&old), b"ada", &sealed[1..], until), None);
        assert_eq!(opened(&ServerKey::new(&old), b"ada", b"", until), None);
        assert_eq!(opened(&ServerKey::new(&new), b"ada", &sealed, until), None);
        let rotated = ServerKey::rotated(&new, &old, until);
        let before = until - chrono::TimeDelta::seconds(1);
        assert_eq!(opened(&rotated, b"ada", &sealed, before), Some(b"secret".to_vec()));
        assert_eq!(opened(&rotated, b"ada", &sealed, until), None);
        assert!(rotated.open_previous(b"ada", &rotated.seal(b"ada", b"secret").unwrap(), before).is_none());
    }

    #[test]
    fn the_previous_key_is_accepted_until_its_time() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let until: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let stored = ServerKey::new(&old).hash("token");
        let rotated = ServerKey::rotated(&new, &old, until);
        assert_ne!(rotated.hash("token"), stored);
        assert!(rotated.hashes("token", until - chrono::TimeDelta::seconds(1)).contains(&stored));
        assert_eq!(rotated.hashes("token", until), [ServerKey::new(&new).hash("token")]);
        assert_eq!(ServerKey::new(&new).previous_hash("token", until), None);
        assert!(!format!("{rotated:?}").contains("111"), "a key is never shown");
    }
}
