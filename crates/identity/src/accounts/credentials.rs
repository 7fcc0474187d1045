//! Credentials of an account: its password hash and whether it is active. The hash is never sent to a client.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use domain::account::EmailAddress;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// Credentials that a sign-in is checked against.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credentials {
    /// Id of the account.
    pub id: Uuid,
    password_hash: Option<String>,
    active: bool,
}

impl Credentials {
    /// Returns the password hash, or `None` if no password is set or the account is not active.
    pub fn usable_hash(&self) -> Option<String> {
        self.password_hash.clone().filter(|_| self.active)
    }

    /// Whether the account is active.
    pub fn is_active(&self) -> bool {
        self.active
    }
}

/// Returns the credentials of the account with an e-mail address.
///
/// # Errors
/// When the database does not answer.
pub async fn of_email(
    db: impl PgExecutor<'_>,
    email: &EmailAddress,
) -> Result<Option<Credentials>, sqlx::Error> {
    let sql = "SELECT id, password_hash, active FROM accounts WHERE email = lower($1)";
    sqlx::query_as(sql).bind(email.as_str()).fetch_optional(db).await
}

/// Returns the credentials of an account.
///
/// # Errors
/// When the database does not answer.
pub async fn of_account(db: impl PgExecutor<'_>, account: Uuid) -> Result<Option<Credentials>, sqlx::Error> {
    let sql = "SELECT id, password_hash, active FROM accounts WHERE id = $1";
    sqlx::query_as(sql).bind(account).fetch_optional(db).await
}

/// Whether an account is active and still has this hash. Locks the row until the transaction ends, so that a revocation
/// or a change of password runs before or after, and then ends the new session too.
///
/// # Errors
/// When the database does not answer.
pub async fn still_lets_in(db: &mut PgConnection, account: Uuid, hash: &str) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 AND active AND password_hash = $2 FOR NO KEY UPDATE";
    Ok(sqlx::query(sql).bind(account).bind(hash).fetch_optional(db).await?.is_some())
}

/// Locks an account's row until the transaction ends. A transaction that changes the row and the account's tokens must
/// lock the row first, to prevent deadlocks.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(db: &mut PgConnection, account: Uuid) -> Result<(), sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    sqlx::query(sql).bind(account).execute(db).await?;
    Ok(())
}

/// Whether an account is active and still has an e-mail address. Locks the row as [`lock`] does.
///
/// # Errors
/// When the database does not answer.
pub async fn reached_at(db: &mut PgConnection, account: Uuid, email: &str) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 AND active AND email = $2 FOR NO KEY UPDATE";
    Ok(sqlx::query(sql).bind(account).bind(email).fetch_optional(db).await?.is_some())
}

/// Stores a new hash of the same password.
///
/// # Errors
/// When the database does not answer.
pub async fn rehash(db: impl PgExecutor<'_>, account: Uuid, hash: &str) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE accounts SET password_hash = $2 WHERE id = $1")
        .bind(account)
        .bind(hash)
        .execute(db)
        .await?;
    Ok(())
}

/// Stores the password that the event at a position changed. Returns `false` if that event was applied before.
///
/// # Errors
/// When the database does not answer.
pub async fn change_password(
    db: impl PgExecutor<'_>,
    account: Uuid,
    hash: &str,
    position: LogPosition,
) -> Result<bool, sqlx::Error> {
    let changed = sqlx::query(
        "UPDATE accounts SET password_hash = $2, password_position = $3 \
         WHERE id = $1 AND password_position < $3",
    )
    .bind(account)
    .bind(hash)
    .bind(position.0)
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Marks the e-mail address as verified.
///
/// # Errors
/// When the database does not answer.
pub async fn email_verified(
    db: impl PgExecutor<'_>,
    account: Uuid,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    let sql = "UPDATE accounts SET email_verified_at = COALESCE(email_verified_at, $2) WHERE id = $1";
    sqlx::query(sql).bind(account).bind(now).execute(db).await?;
    Ok(())
}
