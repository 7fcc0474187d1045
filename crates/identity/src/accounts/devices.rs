//! Where an account has signed in from: addresses, remembered as keyed hashes, and devices, which show a token
//! that the server has signed. Being known lets nobody in: it only keeps the attempts of strangers apart.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use rand::RngCore;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::server_key::ServerKey;
use crate::client_address::ClientAddress;

/// How long an address stays known after a sign-in from there.
const KNOWN_ADDRESS_LIFETIME: TimeDelta = TimeDelta::days(90);
/// Addresses that are remembered for one account.
const ADDRESSES_PER_ACCOUNT_MAX: i64 = 50;
/// First characters of a device token.
const TOKEN_PREFIX: &str = "ocd_";
/// Bytes of a device's number, in front of the signature.
const DEVICE_ID_BYTES: usize = 16;

/// The number of a device, as its token shows it.
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
    /// Reads a token, if the server has signed it for this account.
    pub(super) fn read(key: &ServerKey, account: Uuid, token: &str, now: DateTime<Utc>) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim().strip_prefix(TOKEN_PREFIX)?).ok()?;
        let (number, signature) = bytes.split_at_checked(DEVICE_ID_BYTES)?;
        let device = Self(number.try_into().ok()?);
        let holds = key.hashes(&signed(account, device), now).iter().any(|hash| hash[..] == *signature);
        holds.then_some(device)
    }
}

/// The token of a device from which an account was just signed in to: a new one, or the one that it has shown.
pub fn token(key: &ServerKey, account: Uuid, shown: Option<&str>, now: DateTime<Utc>) -> String {
    let device = shown.and_then(|token| Device::read(key, account, token, now)).unwrap_or_else(|| {
        let mut number = [0; DEVICE_ID_BYTES];
        rand::rng().fill_bytes(&mut number);
        Device(number)
    });
    let signature = key.hash(&signed(account, device));
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode([&device.0[..], &signature[..]].concat()))
}

fn subject(account: Uuid, address: ClientAddress) -> String {
    format!("known address {account} {}", address.ip())
}

/// Whether an account has signed in from an address lately.
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
    let hashes = key.hashes(&subject(account, address), now);
    let hashes: Vec<&[u8]> = hashes.iter().map(|hash| &hash[..]).collect();
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM known_addresses \
         WHERE account_id = $1 AND address_hash = ANY($2) AND seen_at > $3)",
    )
    .bind(account)
    .bind(hashes)
    .bind(now - KNOWN_ADDRESS_LIFETIME)
    .fetch_one(pool)
    .await
}

/// Remembers that an account has signed in from an address, and forgets all but the latest fifty.
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
    .bind(&key.hash(&subject(account, address))[..])
    .bind(now)
    .bind(ADDRESSES_PER_ACCOUNT_MAX - 1)
    .execute(db)
    .await?;
    Ok(())
}

/// Removes addresses that no sign-in has come from for 90 days.
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
    fn a_device_token_holds_for_its_account_under_its_key() {
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
