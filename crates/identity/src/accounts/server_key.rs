//! The server's key (`OCPIZZA_MANAGER_KEY`), under which tokens are hashed and secrets encrypted, and the previous key
//! during a rotation.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use rand::RngCore;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce};
use ring::{hkdf, hmac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sqlx::PgPool;
use transparency::SealingKey;

/// HKDF purpose of the key that encrypts stored secrets. Another value would make stored secrets unreadable.
const CIPHER_INFO: &[u8] = b"OC Pizza-Manager: sealing of stored secrets, 1";

/// Keyed hash that is stored in place of a token.
pub type Hash = [u8; 32];

/// The cipher refused the secret, which is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is too long to be encrypted")]
pub struct SealError;

/// HMAC key for session and one-time tokens, and source of the encryption key for stored secrets.
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

/// Derives the cipher for stored secrets, so that the key itself is used for nothing else.
fn cipher(key: &SecretSlice<u8>) -> Option<LessSafeKey> {
    let extracted = hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(key.expose_secret());
    Some(LessSafeKey::new(extracted.expand(&[CIPHER_INFO], &CHACHA20_POLY1305).ok()?.into()))
}

fn open(key: &SecretSlice<u8>, context: &[u8], sealed: &[u8]) -> Option<SecretSlice<u8>> {
    let (nonce, text) = sealed.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut text = text.to_vec();
    let opened = cipher(key)?.open_in_place(nonce, Aad::from(context), &mut text).ok()?;
    Some(opened.to_vec().into())
}

fn hash(key: &SecretSlice<u8>, text: &str) -> Hash {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose_secret());
    let mut hash = [0; 32];
    hash.copy_from_slice(hmac::sign(&key, text.as_bytes()).as_ref());
    hash
}

impl ServerKey {
    /// Creates the key from the setting `OCPIZZA_MANAGER_KEY`.
    pub fn new(secret: &SecretString) -> Self {
        Self(Arc::new(Keys { present: bytes_of(secret), previous: None }))
    }

    /// Creates the key with a previous one, which is accepted until a time.
    #[must_use]
    pub fn rotated(secret: &SecretString, previous: &SecretString, until: DateTime<Utc>) -> Self {
        let previous = Some(Previous { key: bytes_of(previous), until });
        Self(Arc::new(Keys { present: bytes_of(secret), previous }))
    }

    /// Returns the generated key that the database stores for development and the demo. All processes share it. Not for
    /// production: with read access to the database, sessions can be forged.
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

    /// Returns `given`, or the key of [`ServerKey::development`].
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn or_development(given: Option<Self>, pool: &PgPool) -> Result<Self, sqlx::Error> {
        match given {
            Some(key) => Ok(key),
            None => Self::development(pool).await,
        }
    }

    /// Derives the signing key of the log, used when none is set. Neither key can be computed from the other's output.
    pub fn sealing_key(&self) -> SealingKey {
        SealingKey::derived_from(self.0.present.expose_secret())
    }

    /// Encrypts a secret for storage, bound to a context such as the account's id. Returns a random nonce followed by the
    /// ciphertext and its tag.
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

    /// Decrypts the output of [`ServerKey::seal`] under this key, or under the previous one while it is accepted.
    pub fn open(&self, context: &[u8], sealed: &[u8], now: DateTime<Utc>) -> Option<SecretSlice<u8>> {
        open(&self.0.present, context, sealed).or_else(|| self.open_previous(context, sealed, now))
    }

    /// Decrypts under the previous key, while it is accepted.
    pub fn open_previous(
        &self,
        context: &[u8],
        sealed: &[u8],
        now: DateTime<Utc>,
    ) -> Option<SecretSlice<u8>> {
        let previous = self.0.previous.as_ref().filter(|previous| now < previous.until)?;
        open(&previous.key, context, sealed)
    }

    /// Whether a previous key is accepted.
    pub fn is_rotating(&self, now: DateTime<Utc>) -> bool {
        self.0.previous.as_ref().is_some_and(|previous| now < previous.until)
    }

    /// Returns the hash to store of a token.
    pub fn hash(&self, token: &str) -> Hash {
        hash(&self.0.present, token)
    }

    /// Returns the hash of a token under the previous key, or `None` if that key is not accepted.
    pub fn previous_hash(&self, token: &str, now: DateTime<Utc>) -> Option<Hash> {
        let previous = self.0.previous.as_ref().filter(|previous| now < previous.until)?;
        Some(hash(&previous.key, token))
    }

    /// Returns every hash under which a token may be stored, for `= ANY`.
    pub fn hashes(&self, token: &str, now: DateTime<Utc>) -> Vec<Hash> {
        std::iter::once(self.hash(token)).chain(self.previous_hash(token, now)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hash and ciphertext computed with Python's `hmac` and `cryptography`: stored data must stay readable.
    #[test]
    fn keeps_stored_hashes_and_secrets_readable() {
        let key = ServerKey::new(&"k".repeat(32).into());
        let hash = "cbe2d061385212d1a27772f68ba2721e3d0d27c5caf5d43bb7f28ecf178a6de4";
        assert_eq!(hex::encode(key.hash("token")), hash);
        let sealed =
            hex::decode("0000000000000000000000000f10450d04bfccc3e09a8485dbb0aae7ae627548e21f").unwrap();
        let opened = key.open(b"ada", &sealed, DateTime::UNIX_EPOCH).unwrap();
        assert_eq!(opened.expose_secret(), b"secret");
    }

    #[test]
    fn decrypts_under_its_key_and_in_its_context_only() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let until: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let sealed = ServerKey::new(&old).seal(b"ada", b"secret").unwrap();
        assert_ne!(ServerKey::new(&old).seal(b"ada", b"secret").unwrap(), sealed, "nonces differ");
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
    fn accepts_the_previous_key_until_its_time() {
        let (old, new) = ("o".repeat(32).into(), "n".repeat(32).into());
        let until: DateTime<Utc> = "2026-11-24T12:00:00Z".parse().unwrap();
        let stored = ServerKey::new(&old).hash("token");
        let rotated = ServerKey::rotated(&new, &old, until);
        assert_ne!(rotated.hash("token"), stored);
        assert!(rotated.hashes("token", until - chrono::TimeDelta::seconds(1)).contains(&stored));
        assert_eq!(rotated.hashes("token", until), [ServerKey::new(&new).hash("token")]);
        assert_eq!(ServerKey::new(&new).previous_hash("token", until), None);
        assert!(!format!("{rotated:?}").contains("111"), "debug output hides the key");
    }
}
