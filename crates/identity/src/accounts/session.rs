//! Sessions: opaque bearer tokens of 256 random bits, stored as keyed hashes and never logged. A statement that ends a
//! session or changes its holder's rights announces it in the same transaction.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::Actor;
use domain::ids::PizzeriaId;
pub use projections::account_access::{SESSIONS_CHANGED as CHANNEL, announce};
use rand::RngCore;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::account::{AuthError, account_by_email};
use super::server_key::ServerKey;
use crate::clock::Clock;

/// Prefix of every token.
const TOKEN_PREFIX: &str = "ocp_";
/// Length of a token: the prefix and 32 bytes in base64.
const TOKEN_LENGTH: usize = TOKEN_PREFIX.len() + 43;
/// Lifetime of a session.
pub const LIFETIME: TimeDelta = TimeDelta::days(30);
/// Time after which an idle session of staff ends.
pub const STAFF_IDLE: TimeDelta = TimeDelta::minutes(30);

/// Sessions of one account. Opening one more ends the least recently used session.
pub const PER_ACCOUNT_MAX: i64 = 20;

/// Issuer of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// Its holder, by signing in.
    SignIn,
    /// An operator, on the command line.
    Operator,
}

impl Issuer {
    fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "SIGN_IN",
            Self::Operator => "OPERATOR",
        }
    }
}

/// Generates a random bearer token.
pub(super) fn random_token() -> String {
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    format!("{TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random))
}

/// Whether a text has the form of a token.
pub(super) fn is_token(text: &str) -> bool {
    text.len() == TOKEN_LENGTH && text.starts_with(TOKEN_PREFIX)
}

/// Opens a session. Returns its bearer token, to be shown once, and its end. Beyond [`PER_ACCOUNT_MAX`] the least
/// recently used sessions end; the limit is exact if the caller has locked the account's row.
///
/// # Errors
/// When the database does not answer.
pub async fn open(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    issuer: Issuer,
    now: DateTime<Utc>,
) -> Result<(String, DateTime<Utc>), sqlx::Error> {
    open_until(db, key, account, issuer, now, now + LIFETIME).await
}

async fn open_until(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    account: Uuid,
    issuer: Issuer,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<(String, DateTime<Utc>), sqlx::Error> {
    let token = random_token();
    sqlx::query(
        "WITH ended AS (DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE account_id = $2 \
             ORDER BY last_used_at DESC, created_at DESC, id OFFSET $6) RETURNING 1), \
         told AS (SELECT pg_notify($7, $2::text) FROM ended LIMIT 1), \
         opened AS (INSERT INTO sessions (token_hash, account_id, created_at, last_used_at, expires_at, issued_by) \
             VALUES ($1, $2, $3, $3, $4, $5)) \
         SELECT count(*) FROM told",
    )
    .bind(key.hash(&token))
    .bind(account)
    .bind(now)
    .bind(expires_at)
    .bind(issuer.as_str())
    .bind(PER_ACCOUNT_MAX - 1)
    .bind(CHANNEL)
    .execute(db)
    .await?;
    Ok((token, expires_at))
}

/// Ends a session. Returns whether it existed.
///
/// # Errors
/// When the database does not answer.
pub async fn end(db: impl PgExecutor<'_>, session: Uuid) -> Result<bool, sqlx::Error> {
    let ended = sqlx::query(
        "WITH ended AS (DELETE FROM sessions WHERE id = $1 RETURNING account_id) \
         SELECT pg_notify($2, account_id::text) FROM ended",
    );
    Ok(!ended.bind(session).bind(CHANNEL).fetch_all(db).await?.is_empty())
}

/// Ends every session of an account except `except`.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_of(
    db: impl PgExecutor<'_>,
    account: Uuid,
    except: Option<Uuid>,
) -> Result<(), sqlx::Error> {
    let ended = sqlx::query(
        "WITH ended AS (DELETE FROM sessions WHERE account_id = $1 AND id IS DISTINCT FROM $2 RETURNING 1) \
         SELECT pg_notify($3, $1::text) FROM ended LIMIT 1",
    );
    ended.bind(account).bind(except).bind(CHANNEL).execute(db).await?;
    Ok(())
}

/// Opens a session on behalf of the account with an e-mail address, for an operator. The program's log records it.
///
/// # Errors
/// [`AuthError::UnknownAccount`], or when the database does not answer.
pub async fn issue_token(
    pool: &PgPool,
    key: &ServerKey,
    email: &str,
    clock: &Clock,
) -> Result<(String, DateTime<Utc>), AuthError> {
    let account = account_by_email(pool, email)
        .await?
        .ok_or_else(|| AuthError::UnknownAccount(email.trim().to_owned()))?;
    let issued = open(pool, key, account.id, Issuer::Operator, clock.now()).await?;
    tracing::warn!(account = %account.id, expires_at = %issued.1, "an operator has issued a token");
    Ok(issued)
}

/// Opens a session of the functional check, and creates its account if needed. That account has no password and no
/// address that mail reaches, and works only in the pizzeria reserved for the check.
///
/// # Errors
/// When the database does not answer.
pub async fn issue_check_token(
    pool: &PgPool,
    key: &ServerKey,
    lifetime: TimeDelta,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    let check = Actor::functional_check();
    let account = "INSERT INTO accounts (id, email, role, pizzeria, display_name, created_at) \
                   VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (id) DO NOTHING";
    sqlx::query(account)
        .bind(check.id)
        .bind("functional-check@ocpizza-manager.invalid")
        .bind(check.role.as_str())
        .bind(check.pizzeria.as_ref().map(PizzeriaId::as_str))
        .bind("Functional check")
        .bind(now)
        .execute(pool)
        .await?;
    let (token, _) = open_until(pool, key, check.id, Issuer::Operator, now, now + lifetime).await?;
    Ok(token)
}

/// Ends the session of a token, if it exists.
///
/// # Errors
/// When the database does not answer.
pub async fn end_token(pool: &PgPool, key: &ServerKey, token: &str) -> Result<(), sqlx::Error> {
    let ended = sqlx::query("DELETE FROM sessions WHERE token_hash = $1");
    ended.bind(key.hash(token)).execute(pool).await.map(drop)
}

/// Deletes expired sessions, which no longer authenticate.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn remove_expired(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE expires_at < $1").bind(now).execute(db).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recognizes_the_form_of_a_token() {
        let token = random_token();
        assert!(is_token(&token));
        assert_ne!(token, random_token());
        assert!(!is_token(&token[..token.len() - 1]));
        assert!(!is_token(&format!("{token}A")));
        assert!(!is_token("eyJhbGciOiJub25lIn0.eyJyb2xlIjoiRElSRUNUT1IifQ."));
        assert!(!is_token(""));
    }
}
