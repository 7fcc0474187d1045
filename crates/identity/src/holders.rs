//! Holder ids of callers without an account, by telephone number and by address. Events hold only these random ids.
//! The mapping is stored under a keyed hash for two days; after that, events no longer link the orders of one caller.

use chrono::{DateTime, TimeDelta, Utc};
use domain::ids::HolderId;
use event_store::NewContact;
use sqlx::PgPool;
use uuid::Uuid;

use crate::accounts::{Hash, ServerKey};

/// Time after the last order for which an id stands for a telephone number or an address.
const HOLDER_LIFETIME: TimeDelta = TimeDelta::days(2);

/// Normalizes a telephone number: digits only, with the French country code if none is given.
fn phone(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let international = digits.strip_prefix("00").unwrap_or(&digits);
    match international.strip_prefix('0') {
        _ if digits.is_empty() => None,
        Some(national) => Some(format!("33{national}")),
        None => Some(international.to_owned()),
    }
}

/// Normalizes an address: lower-case letters and digits of street and postcode.
fn address(contact: &NewContact) -> Option<String> {
    let street = contact.street.as_deref()?;
    let text = format!("{street} {}", contact.postcode.as_deref().unwrap_or_default());
    let plain: String =
        text.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    Some(plain).filter(|plain| !plain.is_empty())
}

/// Returns the holder ids of a caller without an account: one per given telephone number and address.
///
/// # Errors
/// When the database does not answer.
pub async fn of_caller(
    pool: &PgPool,
    key: &ServerKey,
    contact: &NewContact,
    now: DateTime<Utc>,
) -> Result<Vec<HolderId>, sqlx::Error> {
    let phone = contact.phone.as_deref().and_then(phone).map(|phone| format!("holder phone {phone}"));
    let address = address(contact).map(|address| format!("holder address {address}"));
    let mut digests: Vec<Hash> = [phone, address].into_iter().flatten().map(|text| key.hash(&text)).collect();
    if digests.is_empty() {
        return Ok(Vec::new());
    }
    // A fixed order prevents deadlocks between processes.
    digests.sort_unstable();
    let fresh: Vec<Uuid> = digests.iter().map(|_| Uuid::new_v4()).collect();
    let holders: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO order_holders (digest, holder, used_at) \
         SELECT digest, holder, $3 FROM unnest($1::bytea[], $2::uuid[]) AS new(digest, holder) \
         ON CONFLICT (digest) DO UPDATE SET used_at = greatest(order_holders.used_at, excluded.used_at) \
         RETURNING holder",
    )
    .bind(digests)
    .bind(fresh)
    .bind(now)
    .fetch_all(pool)
    .await?;
    Ok(holders.into_iter().map(HolderId).collect())
}

/// Deletes holder ids without a recent order.
///
/// # Errors
/// When the database does not answer.
pub async fn remove_unused(pool: &PgPool, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM order_holders WHERE used_at < $1")
        .bind(now - HOLDER_LIFETIME)
        .execute(pool)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalizes_spellings_of_a_telephone_number() {
        for text in ["06 12 34 56 78", "+33 6 12 34 56 78", "0033612345678", "06.12.34.56.78"] {
            assert_eq!(phone(text).as_deref(), Some("33612345678"), "{text}");
        }
        assert_eq!(phone("+44 20 7946 0000").as_deref(), Some("442079460000"));
        assert_eq!(phone("unknown"), None);
    }
}
