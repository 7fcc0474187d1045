//! Known addresses and devices of an account. Addresses are stored as keyed hashes; a device shows a token that the
//! server has signed. Neither replaces a password: they only give an account attempt counts apart from those of others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::server_key::ServerKey;
use crate::client_address::ClientAddress;

/// Time that an address stays known after a sign-in.
const KNOWN_ADDRESS_LIFETIME: TimeDelta = TimeDelta::days(90);
/// Known addresses of one account.
const ADDRESSES_PER_ACCOUNT_MAX: i64 = 50;
/// Prefix of a device token.
const TOKEN_PREFIX: &str = "ocd_";
/// Bytes of the device id, which precedes the signature.
const DEVICE_ID_BYTES: usize = 16;

/// Id of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Device([u8; DEVICE_ID_BYTES]);

impl std::fmt::Display for Device {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

fn signed(account: Uuid, device: Device) -> String {
    format!("device {account} {device}")
}

impl Device {
    /// Parses a token, and returns `None` unless the server has signed it for this account.
    pub(super) fn read(key: &ServerKey, account: Uuid, token: &str, now: DateTime<Utc>) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim().strip_prefix(TOKEN_PREFIX)?).ok()?;
        let (id, signature) = bytes.split_at_checked(DEVICE_ID_BYTES)?;
        let device = Self(id.try_into().ok()?);
        let holds = key.hashes(&signed(account, device), now).iter().any(|hash| hash[..] == *signature);
        holds.then_some(device)
    }
}

/// Returns the device token after a sign-in: the shown one if it is valid, else a new one.
pub fn token(key: &ServerKey, account: Uuid, shown: Option<&str>, now: DateTime<Utc>) -> String {
    let device = shown.and_then(|token| Device::read(key, account, token, now)).unwrap_or_else(|| {
        let mut id = [0; DEVICE_ID_BYTES];
        rand::rng().fill_bytes(&mut id);
        Device(id)
    });
    let signature = key.hash(&signed(account, device));
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode([&device.0[..], &signature[..]].concat()))
}

fn subject(account: Uuid, address: ClientAddress) -> String {
    format!("known address {account} {}", address.ip())
}

/// Whether an account has recently signed in from an address.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn is_known(
    pool: &PgPool,
    key: &ServerKey,
    account: Uuid,
    address: ClientAddress,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM known_addresses \
         WHERE account_id = $1 AND address_hash = ANY($2) AND seen_at > $3)",
    )
    .bind(account)
    .bind(key.hashes(&subject(account, address), now))
    .bind(now - KNOWN_ADDRESS_LIFETIME)
    .fetch_one(pool)
    .await
}

/// Stores that an account has signed in from an address, and deletes all but the latest fifty addresses.
///
/// # Errors
/// When the database does not answer.
pub async fn remember(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    address: ClientAddress,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH forgotten AS (DELETE FROM known_addresses WHERE (account_id, address_hash) IN \
             (SELECT account_id, address_hash FROM known_addresses \
              WHERE account_id = $1 AND address_hash <> $2 ORDER BY seen_at DESC OFFSET $4)) \
         INSERT INTO known_addresses (account_id, address_hash, seen_at) VALUES ($1, $2, $3) \
         ON CONFLICT (account_id, address_hash) DO UPDATE SET seen_at = excluded.seen_at",
    )
    .bind(account)
    .bind(key.hash(&subject(account, address)))
    .bind(now)
    .bind(ADDRESSES_PER_ACCOUNT_MAX - 1)
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes addresses without a sign-in for 90 days.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn remove_old(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    let sql = "DELETE FROM known_addresses WHERE seen_at < $1";
    sqlx::query(sql).bind(now - KNOWN_ADDRESS_LIFETIME).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_a_device_token_for_its_account_and_key_only() {
        let now = "2026-11-24T12:00:00Z".parse().unwrap();
        let key = ServerKey::new(&"k".repeat(32).into());
        let (account, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let given = token(&key, account, None, now);
        let device = Device::read(&key, account, &given, now).unwrap();
        assert_eq!(token(&key, account, Some(&given), now), given);
        assert_ne!(token(&key, other, Some(&given), now), given);
        assert_eq!(Device::read(&key, other, &given, now), None);
        assert_eq!(Device::read(&ServerKey::new(&"l".repeat(32).into()), account, &given, now), None);
        for wrong in ["", "ocd_", "ocd_AAAA", &given[..given.len() - 1], "ocp_AAAA"] {
            assert_eq!(Device::read(&key, account, wrong, now), None, "{wrong}");
        }
        assert!(!given.contains(&device.to_string()));
    }
}
