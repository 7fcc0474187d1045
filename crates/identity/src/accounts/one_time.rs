//! One-time tokens sent by mail: to verify an address, to reset a password or to accept an invitation. Stored as keyed
//! hashes only.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::server_key::ServerKey;
use super::session::random_token;

/// Purpose of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Verifies the e-mail address.
    VerifyEmail,
    /// Resets the password.
    ResetPassword,
    /// Sets the first password of a hired member of staff.
    Invitation,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "VERIFY_EMAIL",
            Self::ResetPassword => "RESET_PASSWORD",
            Self::Invitation => "INVITATION",
        }
    }

    /// Time that a token is valid.
    pub fn lifetime(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::days(2),
            Self::ResetPassword => TimeDelta::hours(1),
            Self::Invitation => TimeDelta::days(7),
        }
    }
}

/// Issues a token, which replaces an earlier one for the same purpose.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(
    db: &mut PgConnection,
    key: &ServerKey,
    account: Uuid,
    purpose: Purpose,
    now: DateTime<Utc>,
) -> Result<String, sqlx::Error> {
    let token = random_token();
    sqlx::query("DELETE FROM account_tokens WHERE (account_id = $1 AND purpose = $2) OR expires_at <= $3")
        .bind(account)
        .bind(purpose.as_str())
        .bind(now)
        .execute(&mut *db)
        .await?;
    sqlx::query(
        "INSERT INTO account_tokens (token_hash, account_id, purpose, created_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(key.hash(&token))
    .bind(account)
    .bind(purpose.as_str())
    .bind(now)
    .bind(now + purpose.lifetime())
    .execute(db)
    .await?;
    Ok(token)
}

/// Returns the active account of a token that is valid for one of these purposes.
///
/// # Errors
/// When the database does not answer.
pub async fn holder(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    token: &str,
    purposes: &[Purpose],
    now: DateTime<Utc>,
) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT t.account_id FROM account_tokens t JOIN accounts a ON a.id = t.account_id \
         WHERE t.token_hash = ANY($1) AND t.purpose = ANY($2) AND t.expires_at > $3 AND a.active",
    )
    .bind(key.hashes(token.trim(), now))
    .bind(purposes.iter().map(|purpose| purpose.as_str()).collect::<Vec<_>>())
    .bind(now)
    .fetch_optional(db)
    .await
}

/// Deletes a token. Returns whether it was valid.
///
/// # Errors
/// When the database does not answer.
pub async fn use_up(
    db: impl PgExecutor<'_>,
    key: &ServerKey,
    token: &str,
    now: DateTime<Utc>,
) -> Result<bool, sqlx::Error> {
    let used = sqlx::query("DELETE FROM account_tokens WHERE token_hash = ANY($1) AND expires_at > $2")
        .bind(key.hashes(token.trim(), now))
        .bind(now)
        .execute(db)
        .await?;
    Ok(used.rows_affected() > 0)
}

/// Deletes every token of an account, after its password or address has changed.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_of(db: impl PgExecutor<'_>, account: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM account_tokens WHERE account_id = $1").bind(account).execute(db).await?;
    Ok(())
}
