//! What an account is let in by: its password, and whether it is in use. The hash never leaves this crate.

use chrono::{DateTime, Utc};
use domain::LogPosition;
use domain::account::EmailAddress;
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

/// What signing in is held against.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Credentials {
    /// Whose.
    pub id: Uuid,
    password_hash: Option<String>,
    active: bool,
}

impl Credentials {
    /// The hash that lets its holder in; none without a password, and while the account is not in use.
    pub fn usable_hash(&self) -> Option<String> {
        self.password_hash.clone().filter(|_| self.active)
    }

    /// Whether the account is in use.
    pub fn is_active(&self) -> bool {
        self.active
    }
}

/// Those of an e-mail address.
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

/// Those of an account.
///
/// # Errors
/// When the database does not answer.
pub async fn of_account(db: impl PgExecutor<'_>, account: Uuid) -> Result<Option<Credentials>, sqlx::Error> {
    let sql = "SELECT id, password_hash, active FROM accounts WHERE id = $1";
    sqlx::query_as(sql).bind(account).fetch_optional(db).await
}

/// Whether an account is still let in by this very hash. Holds the row until the transaction ends: whoever
/// revokes the account or changes its password comes before or after, and then ends the session too.
///
/// # Errors
/// When the database does not answer.
pub async fn still_lets_in(db: &mut PgConnection, account: Uuid, hash: &str) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 AND active AND password_hash = $2 FOR NO KEY UPDATE";
    Ok(sqlx::query(sql).bind(account).bind(hash).fetch_optional(db).await?.is_some())
}

/// Holds an account's row until the transaction ends. Whoever changes the row and the account's tokens takes
/// the row first, so that nobody waits for each other.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(db: &mut PgConnection, account: Uuid) -> Result<(), sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    sqlx::query(sql).bind(account).execute(db).await?;
    Ok(())
}

/// Whether an account in use is still reached at an e-mail address. Holds the row as [`lock`] does.
///
/// # Errors
/// When the database does not answer.
pub async fn reached_at(db: &mut PgConnection, account: Uuid, email: &str) -> Result<bool, sqlx::Error> {
    let sql = "SELECT 1 FROM accounts WHERE id = $1 AND active AND email = $2 FOR NO KEY UPDATE";
    Ok(sqlx::query(sql).bind(account).bind(email).fetch_optional(db).await?.is_some())
}

/// Stores the same password's hash, made anew.
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

/// Stores another password, changed by the event at a position; whether that was news.
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

/// Notes that the e-mail address is theirs.
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
