//! The key that what lets somebody in is stored under.

use std::sync::Arc;

use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use sqlx::PgPool;

/// The key that tokens are stored under.
#[derive(Debug, Clone)]
pub struct Key(Arc<SecretSlice<u8>>);

impl Key {
    /// From `OCPIZZA_MANAGER_KEY`.
    pub fn of(secret: &SecretString) -> Self {
        Self(Arc::new(secret.expose_secret().as_bytes().to_vec().into()))
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
        Ok(Self(Arc::new(key.into())))
    }

    /// What is stored of a token.
    pub(super) fn hash(&self, token: &str) -> [u8; 32] {
        // HMAC takes a key of any length.
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("any length is a key");
        mac.update(token.as_bytes());
        mac.finalize().into_bytes().into()
    }
}
