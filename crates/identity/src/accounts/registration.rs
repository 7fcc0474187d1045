//! Making accounts, and changing what is kept of somebody. A row is kept for an e-mail address while the
//! event that makes the account is on its way, and is taken into use by that event; should the event never
//! come, somebody else may have the address after a minute.

use chrono::{DateTime, TimeDelta, Utc};
use domain::LogPosition;
use domain::access::Role;
use domain::account::EmailAddress;
use domain::ids::PizzeriaId;
use sqlx::{PgConnection, PgExecutor, PgPool};
use uuid::Uuid;

use super::account::{Account, AuthError, COLUMNS, Row};
use super::attempt_limiter::AddressLookUp;

/// How long an address is kept for an account whose event has not come.
const RESERVATION_LIFETIME: TimeDelta = TimeDelta::minutes(1);

/// After which time nobody waits for the event any more.
const ABANDONED_AFTER: TimeDelta = TimeDelta::hours(1);

/// The advisory lock of whoever changes who works here; any number that nobody else uses.
const STAFF_LOCK_ID: i64 = 0x5354_4146_465f_4f43;

/// Waits for the turn to change who works here, ten seconds at most; it lasts until the transaction ends.
///
/// # Errors
/// When the database does not answer, or others took all the time (`55P03`).
pub async fn lock_staff(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET LOCAL lock_timeout = '10s'").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(STAFF_LOCK_ID).execute(transaction).await?;
    Ok(())
}

/// Keeps an e-mail address for an account that is to be; whether it was free. It is not for an account that
/// is there already, at whatever address.
///
/// # Errors
/// When the database does not answer.
pub async fn reserve(
    db: impl PgExecutor<'_>,
    account: &Account,
    password_hash: Option<&str>,
    now: DateTime<Utc>,
    _counted: &AddressLookUp,
) -> Result<bool, sqlx::Error> {
    let reserved = sqlx::query(
        "INSERT INTO accounts AS a (id, email, role, pizzeria, display_name, phone, street, postcode, city, \
         latitude, longitude, demo, created_at, password_hash, active, access_position) \
         VALUES ($1, lower($2), $3, $4, $5, $6, $7, $8, $9, $10, $11, false, $12, $13, false, NULL) \
         ON CONFLICT (email) DO UPDATE SET id = excluded.id, role = excluded.role, \
         pizzeria = excluded.pizzeria, display_name = excluded.display_name, phone = excluded.phone, \
         street = excluded.street, postcode = excluded.postcode, city = excluded.city, \
         latitude = excluded.latitude, longitude = excluded.longitude, created_at = excluded.created_at, \
         password_hash = excluded.password_hash \
         WHERE a.access_position IS NULL AND (a.id = excluded.id OR a.created_at <= $14)",
    )
    .bind(account.id)
    .bind(&account.email)
    .bind(account.role.as_str())
    .bind(account.pizzeria.as_ref().map(PizzeriaId::as_str))
    .bind(&account.display_name)
    .bind(&account.phone)
    .bind(&account.street)
    .bind(&account.postcode)
    .bind(&account.city)
    .bind(account.latitude)
    .bind(account.longitude)
    .bind(now)
    .bind(password_hash)
    .bind(now - RESERVATION_LIFETIME)
    .execute(db)
    .await;
    match reserved {
        Ok(reserved) => Ok(reserved.rows_affected() > 0),
        // The id: asked again under its key, after the account has moved to another address.
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes addresses that were kept for an hour, and longer, for accounts whose event has not come.
///
/// # Errors
/// When the database does not answer.
pub(super) async fn remove_abandoned(db: impl PgExecutor<'_>, now: DateTime<Utc>) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM accounts a WHERE a.access_position IS NULL AND a.created_at < $1 \
         AND NOT EXISTS (SELECT FROM events WHERE aggregate_type IN ('customer', 'staff') \
         AND aggregate_id = a.id::text)",
    )
    .bind(now - ABANDONED_AFTER)
    .execute(db)
    .await?;
    Ok(())
}

/// Gives up an address that was kept for an account that is not to be after all.
///
/// # Errors
/// When the database does not answer.
pub async fn release(db: impl PgExecutor<'_>, account: Uuid) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM accounts WHERE id = $1 AND access_position IS NULL")
        .bind(account)
        .execute(db)
        .await?;
    Ok(())
}

/// The account that an e-mail address belongs to, in use or not; none while it is only kept for one.
///
/// # Errors
/// When the database does not answer, or the row cannot be read.
pub async fn holder_of(
    pool: &PgPool,
    email: &EmailAddress,
    _counted: &AddressLookUp,
) -> Result<Option<Account>, AuthError> {
    let sql =
        format!("SELECT {COLUMNS} FROM accounts WHERE email = lower($1) AND access_position IS NOT NULL");
    let row: Option<Row> = sqlx::query_as(&sql).bind(email.as_str()).fetch_optional(pool).await?;
    row.map(Account::try_from).transpose()
}

/// What somebody has changed of what is kept of them; what is `None` stays.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Details {
    /// E-mail address.
    pub email: Option<String>,
    /// What they are called.
    pub name: Option<String>,
    /// Telephone number; `Some(None)` clears it.
    pub phone: Option<Option<String>>,
    /// Where they live, as a whole; an empty one clears it.
    pub address: Option<Home>,
}

/// Where somebody lives.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Home {
    /// Street and number.
    pub street: Option<String>,
    /// Postcode.
    pub postcode: Option<String>,
    /// City.
    pub city: Option<String>,
    /// Degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
}

/// Stores what somebody has changed by the event at a position; whether anything was stored. Of a change
/// that is `repeated`, nothing is when it was stored before. Another e-mail address is not verified.
///
/// # Errors
/// When the database does not answer, or the e-mail address belongs to another account.
pub async fn change_details(
    db: impl PgExecutor<'_>,
    account: Uuid,
    details: &Details,
    position: LogPosition,
    repeated: bool,
) -> Result<bool, sqlx::Error> {
    let home = details.address.clone().unwrap_or_default();
    let changed = sqlx::query(
        "UPDATE accounts SET \
         email_verified_at = CASE WHEN email = COALESCE(lower($2), email) THEN email_verified_at END, \
         email = COALESCE(lower($2), email), display_name = COALESCE($3, display_name), \
         phone = CASE WHEN $13 THEN $4 ELSE phone END, \
         street = CASE WHEN $5 THEN $6 ELSE street END, postcode = CASE WHEN $5 THEN $7 ELSE postcode END, \
         city = CASE WHEN $5 THEN $8 ELSE city END, latitude = CASE WHEN $5 THEN $9 ELSE latitude END, \
         longitude = CASE WHEN $5 THEN $10 ELSE longitude END, \
         details_position = GREATEST(details_position, $11) \
         WHERE id = $1 AND (NOT $12 OR details_position < $11)",
    )
    .bind(account)
    .bind(&details.email)
    .bind(&details.name)
    .bind(details.phone.as_ref().and_then(Option::as_ref))
    .bind(details.address.is_some())
    .bind(home.street)
    .bind(home.postcode)
    .bind(home.city)
    .bind(home.latitude)
    .bind(home.longitude)
    .bind(position.0)
    .bind(repeated)
    .bind(details.phone.is_some())
    .execute(db)
    .await?;
    Ok(changed.rows_affected() > 0)
}

/// Whether a failure is that an e-mail address belongs to another account.
pub fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// The members of staff of a pizzeria, or of the whole group, who have left included; by name.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn staff_of(pool: &PgPool, pizzeria: Option<&PizzeriaId>) -> Result<Vec<Account>, AuthError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE role <> ALL($1) AND access_position IS NOT NULL \
         AND ($2::text IS NULL OR pizzeria = $2) ORDER BY display_name, id"
    );
    let rows: Vec<Row> = sqlx::query_as(&sql)
        .bind([Role::Customer.as_str(), Role::System.as_str()])
        .bind(pizzeria.map(PizzeriaId::as_str))
        .fetch_all(pool)
        .await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Everybody who may be a director now.
///
/// # Errors
/// When the database does not answer.
pub async fn directors(db: impl PgExecutor<'_>) -> Result<Vec<Uuid>, sqlx::Error> {
    let sql = "SELECT id FROM accounts WHERE role = $1 AND access_position IS NOT NULL";
    sqlx::query_scalar(sql).bind(Role::Director.as_str()).fetch_all(db).await
}
