//! Tokens that are sent by mail and good once: to show that an address is somebody's, to set a forgotten
//! password, to accept an invitation. Stored as keyed hashes only.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::server_key::ServerKey;
use super::session::random_token;

/// What a token is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To show that the e-mail address is theirs.
    VerifyEmail,
    /// To set another password.
    ResetPassword,
    /// To set a first password: for somebody who was hired.
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

    /// How long it is good.
    pub fn lifetime(self) -> TimeDelta {
        match self {
            Self::VerifyEmail => TimeDelta::days(2),
            Self::ResetPassword => TimeDelta::hours(1),
            Self::Invitation => TimeDelta::days(7),
        }
    }
}

/// A new token of an account; an earlier one for the same purpose is good no more.
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
    .bind(&key.hash(&token)[..])
    .bind(account)
    .bind(purpose.as_str())
    .bind(now)
    .bind(now + purpose.lifetime())
    .execute(db)
    .await?;
    Ok(token)
}

fn hashes(key: &ServerKey, token: &str, now: DateTime<Utc>) -> Vec<Vec<u8>> {
    key.hashes(token.trim(), now).into_iter().map(|hash| hash.to_vec()).collect()
}

fn names(purposes: &[Purpose]) -> Vec<&'static str> {
    purposes.iter().map(|purpose| purpose.as_str()).collect()
}

/// Whose token it is, while it is good for one of these purposes.
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
    .bind(hashes(key, token, now))
    .bind(names(purposes))
    .bind(now)
    .fetch_optional(db)
    .await
}

/// Uses a token up; whether it was still good.
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
        .bind(hashes(key, token, now))
        .bind(now)
        .execute(db)
        .await?;
    Ok(used.rows_affected() > 0)
}

/// Ends every token of an account: its password or its address has changed.
///
/// # Errors
/// When the database does not answer.
pub async fn end_all_of(db: impl PgExecutor<'_>, account: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM account_tokens WHERE account_id = $1").bind(account).execute(db).await?;
    Ok(())
}
