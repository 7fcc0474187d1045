//! Accounts. They are personal data: rows, never events.

use chrono::{DateTime, Utc};
use domain::access::{Actor, Role};
use domain::ids::PizzeriaId;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

/// An account that can sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Id under which the account's commands act.
    pub id: Uuid,
    /// E-mail address, in lower case.
    pub email: String,
    /// Role of the account.
    pub role: Role,
    /// Pizzeria where a member of staff works.
    pub pizzeria: Option<PizzeriaId>,
    /// Name to display.
    pub display_name: String,
    /// Telephone number.
    pub phone: Option<String>,
    /// A customer's street and number.
    pub street: Option<String>,
    /// A customer's postcode.
    pub postcode: Option<String>,
    /// A customer's city.
    pub city: Option<String>,
    /// Degrees, WGS 84.
    pub latitude: Option<f64>,
    /// Degrees, WGS 84.
    pub longitude: Option<f64>,
    /// Whether the holder has verified the e-mail address.
    pub email_verified: bool,
    /// Whether the account can sign in: registered or hired, and not revoked.
    pub active: bool,
    /// Whether it belongs to the demo data.
    pub demo: bool,
}

impl Account {
    /// Creates an active account without contact details, whose address is not verified.
    pub fn new(id: Uuid, email: impl Into<String>, role: Role, display_name: impl Into<String>) -> Self {
        Self {
            id,
            email: email.into(),
            role,
            pizzeria: None,
            display_name: display_name.into(),
            phone: None,
            street: None,
            postcode: None,
            city: None,
            latitude: None,
            longitude: None,
            email_verified: false,
            active: true,
            demo: false,
        }
    }

    /// Returns the actor of this account's commands.
    pub fn actor(&self) -> Actor {
        Actor { id: self.id, role: self.role, pizzeria: self.pizzeria.clone() }
    }
}

/// Reason why an account could not be read.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// No active account has this e-mail address.
    #[error("there is no account with the e-mail address {0}")]
    UnknownAccount(String),
    /// The account's row holds a role or a pizzeria that this program does not know.
    #[error("account {0} has a role or a pizzeria that this program does not know")]
    Unreadable(Uuid),
    /// The database did not answer.
    #[error("accounts cannot be read")]
    Database(#[from] sqlx::Error),
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: Uuid,
    email: String,
    role: String,
    pizzeria: Option<String>,
    display_name: String,
    phone: Option<String>,
    street: Option<String>,
    postcode: Option<String>,
    city: Option<String>,
    latitude: Option<f64>,
    longitude: Option<f64>,
    email_verified: bool,
    active: bool,
    demo: bool,
}

pub(super) const COLUMNS: &str = "id, email, role, pizzeria, display_name, phone, street, postcode, city, latitude, longitude, \
     email_verified_at IS NOT NULL AS email_verified, active, demo";

impl TryFrom<Row> for Account {
    type Error = AuthError;

    fn try_from(row: Row) -> Result<Self, AuthError> {
        let unreadable = |_| AuthError::Unreadable(row.id);
        Ok(Self {
            id: row.id,
            role: row.role.parse().map_err(unreadable)?,
            pizzeria: row.pizzeria.map(|code| code.parse()).transpose().map_err(unreadable)?,
            email: row.email,
            display_name: row.display_name,
            phone: row.phone,
            street: row.street,
            postcode: row.postcode,
            city: row.city,
            latitude: row.latitude,
            longitude: row.longitude,
            email_verified: row.email_verified,
            active: row.active,
            demo: row.demo,
        })
    }
}

/// Returns the active account with an e-mail address, ignoring case.
///
/// # Errors
/// When the database does not answer, or the row cannot be read.
pub async fn account_by_email(pool: &PgPool, email: &str) -> Result<Option<Account>, AuthError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE email = lower($1) AND active");
    let row: Option<Row> = sqlx::query_as(&sql).bind(email.trim()).fetch_optional(pool).await?;
    row.map(Account::try_from).transpose()
}

async fn rows_by_ids(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Row>, sqlx::Error> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE id = ANY($1)");
    sqlx::query_as(&sql).bind(ids).fetch_all(pool).await
}

/// Returns the accounts with these ids.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn accounts_by_ids(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Account>, AuthError> {
    rows_by_ids(pool, ids).await?.into_iter().map(Account::try_from).collect()
}

/// Like [`accounts_by_ids`], with `None` for a row that cannot be read.
pub(super) async fn accounts_one_by_one(
    pool: &PgPool,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<Account>)>, sqlx::Error> {
    let rows = rows_by_ids(pool, ids).await?;
    Ok(rows.into_iter().map(|row| (row.id, Account::try_from(row).ok())).collect())
}

/// Returns the active couriers of pizzerias, by name.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn couriers_of(pool: &PgPool, pizzerias: &[PizzeriaId]) -> Result<Vec<Account>, AuthError> {
    let codes: Vec<&str> = pizzerias.iter().map(PizzeriaId::as_str).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE role = $1 AND pizzeria = ANY($2) AND active \
         ORDER BY display_name, id"
    );
    let role = Role::Courier.as_str();
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(role).bind(codes).fetch_all(pool).await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Stores accounts and replaces those with the same id.
///
/// # Errors
/// When the database does not answer, or an e-mail address belongs to another account.
pub async fn store_accounts(
    pool: &PgPool,
    accounts: &[Account],
    now: DateTime<Utc>,
) -> Result<(), AuthError> {
    let mut tx = pool.begin().await?;
    store_accounts_in(&mut tx, accounts, now).await?;
    tx.commit().await?;
    Ok(())
}

/// Like [`store_accounts`], in the caller's transaction.
pub async fn store_accounts_in(
    tx: &mut PgConnection,
    accounts: &[Account],
    now: DateTime<Utc>,
) -> Result<(), AuthError> {
    // ON CONFLICT covers one index only: without the lock, a concurrent insert of the same account would violate the
    // unique index on the e-mail address.
    sqlx::query("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
    for account in accounts {
        sqlx::query(
            "INSERT INTO accounts (id, email, role, pizzeria, display_name, phone, street, postcode, city, \
             latitude, longitude, demo, created_at, email_verified_at) \
             VALUES ($1, lower($2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
             CASE WHEN $14 THEN $13 END) \
             ON CONFLICT (id) DO UPDATE SET email = excluded.email, role = excluded.role, \
             pizzeria = excluded.pizzeria, display_name = excluded.display_name, phone = excluded.phone, \
             street = excluded.street, postcode = excluded.postcode, city = excluded.city, \
             latitude = excluded.latitude, longitude = excluded.longitude, demo = excluded.demo",
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
        .bind(account.demo)
        .bind(now)
        .bind(account.email_verified)
        .execute(&mut *tx)
        .await?;
    }
    Ok(())
}
