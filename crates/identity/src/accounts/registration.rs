//! Registration of accounts and changes of their details. A row reserves an e-mail address before the event that
//! creates the account; that event activates the row. Without the event, the reservation ends after a minute.

use chrono::{DateTime, TimeDelta, Utc};
use domain::LogPosition;
use domain::access::Role;
use domain::account::EmailAddress;
use domain::ids::PizzeriaId;
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use super::account::{Account, AuthError, COLUMNS, Row};
use super::attempt_limiter::AddressLookUp;

/// Time that an address is reserved for an account without its event.
const RESERVATION_LIFETIME: TimeDelta = TimeDelta::minutes(1);

/// Age at which a reservation without its event is deleted.
const ABANDONED_AFTER: TimeDelta = TimeDelta::hours(1);

/// Reserves an e-mail address for a new account. Returns `false` if the address is taken or the account already exists.
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
        // The id exists: a repeated request of an account that has changed its address since.
        Err(error) if is_taken(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Deletes reservations older than an hour whose event never came.
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

/// Releases the address reserved for an account that will not be created.
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

/// Returns the account with an e-mail address, active or not, or `None` if the address is only reserved.
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

/// Changes to an account's details. `None` leaves a value unchanged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountDetails {
    /// E-mail address.
    pub email: Option<String>,
    /// Name to display.
    pub name: Option<String>,
    /// Telephone number; `Some(None)` clears it.
    pub phone: Option<Option<String>>,
    /// Whole address; an empty one clears it.
    pub address: Option<HomeAddress>,
}

/// Home address of a customer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HomeAddress {
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

/// Stores the details that the event at a position changed. A `repeated` change is stored only if it was not before.
/// A new e-mail address is not verified. Returns whether anything was stored.
///
/// # Errors
/// When the database does not answer, or the e-mail address belongs to another account.
pub async fn change_details(
    db: impl PgExecutor<'_>,
    account: Uuid,
    details: &AccountDetails,
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

/// Whether an error means that an e-mail address belongs to another account.
pub fn is_taken(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Returns the present and former staff of a pizzeria, or of the whole group, by name.
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

/// Returns the accounts with the role of director, also inactive ones.
///
/// # Errors
/// When the database does not answer.
pub async fn directors(db: impl PgExecutor<'_>) -> Result<Vec<Uuid>, sqlx::Error> {
    let sql = "SELECT id FROM accounts WHERE role = $1 AND access_position IS NOT NULL";
    sqlx::query_scalar(sql).bind(Role::Director.as_str()).fetch_all(db).await
}
