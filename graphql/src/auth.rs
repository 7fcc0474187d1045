//! Accounts and the bearer tokens of their sessions. Says who a caller is; what they may do is
//! decided by `domain::access`. A token is stored as its HMAC only, and never logged.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Actor, Role};
use domain::ids::PizzeriaId;
use hmac::{Hmac, Mac};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;
use sqlx::PgPool;
use uuid::Uuid;

use crate::clock::Clock;

/// What every token begins with.
const PREFIX: &str = "ocp_";
/// How long a session lasts.
const LIFETIME: TimeDelta = TimeDelta::days(30);
/// How long a revoked session may still be let in by a process that has just seen it.
const CACHED_FOR: Duration = Duration::from_secs(1);
/// Sessions remembered at once.
const CACHED: usize = 10_000;

/// Somebody who may sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The id that the account's commands act under.
    pub id: Uuid,
    /// E-mail address, in lower case.
    pub email: String,
    /// In which role.
    pub role: Role,
    /// Where a member of staff works.
    pub pizzeria: Option<PizzeriaId>,
    /// What they are called.
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
    /// Whether it belongs to the demo data.
    pub demo: bool,
}

impl Account {
    /// Who acts when this account does.
    pub fn actor(&self) -> Actor {
        Actor { id: self.id, role: self.role, pizzeria: self.pizzeria.clone() }
    }
}

/// Why a token could not be issued or looked up.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// Nobody has this e-mail address.
    #[error("there is no account with the e-mail address {0}")]
    UnknownAccount(String),
    /// A row of `accounts` holds a role or a pizzeria that this program does not know.
    #[error("account {0} cannot be read")]
    Unreadable(Uuid),
    /// The database did not answer.
    #[error("accounts cannot be read")]
    Database(#[from] sqlx::Error),
}

#[derive(sqlx::FromRow)]
struct Row {
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
    demo: bool,
}

const COLUMNS: &str =
    "id, email, role, pizzeria, display_name, phone, street, postcode, city, latitude, longitude, demo";

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
            demo: row.demo,
        })
    }
}

/// The account with an e-mail address, in any case.
///
/// # Errors
/// When the database does not answer, or the row cannot be read.
pub async fn account_by_email(pool: &PgPool, email: &str) -> Result<Option<Account>, AuthError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE email = lower($1)");
    let row: Option<Row> = sqlx::query_as(&sql).bind(email.trim()).fetch_optional(pool).await?;
    row.map(Account::try_from).transpose()
}

/// The accounts with some ids.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn accounts_by_ids(pool: &PgPool, ids: &[Uuid]) -> Result<Vec<Account>, AuthError> {
    let sql = format!("SELECT {COLUMNS} FROM accounts WHERE id = ANY($1)");
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(ids).fetch_all(pool).await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// The couriers of pizzerias, by name.
///
/// # Errors
/// When the database does not answer, or a row cannot be read.
pub async fn couriers_of(pool: &PgPool, pizzerias: &[PizzeriaId]) -> Result<Vec<Account>, AuthError> {
    let codes: Vec<&str> = pizzerias.iter().map(PizzeriaId::as_str).collect();
    let sql = format!(
        "SELECT {COLUMNS} FROM accounts WHERE role = $1 AND pizzeria = ANY($2) ORDER BY display_name, id"
    );
    let role = Role::Courier.as_str();
    let rows: Vec<Row> = sqlx::query_as(&sql).bind(role).bind(codes).fetch_all(pool).await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Stores accounts, replacing those with the same id.
///
/// # Errors
/// When the database does not answer, or an e-mail address belongs to another account.
pub async fn store_accounts(
    pool: &PgPool,
    accounts: &[Account],
    now: DateTime<Utc>,
) -> Result<(), AuthError> {
    let mut tx = pool.begin().await?;
    // ON CONFLICT looks at one index only: of two that store the same account at once, the later
    // would fail on the e-mail's.
    sqlx::query("LOCK TABLE accounts IN SHARE ROW EXCLUSIVE MODE").execute(&mut *tx).await?;
    for account in accounts {
        sqlx::query(
            "INSERT INTO accounts (id, email, role, pizzeria, display_name, phone, street, postcode, city, \
             latitude, longitude, demo, created_at) \
             VALUES ($1, lower($2), $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
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
        .execute(&mut *tx)
        .await?;
    }
    tx.commit().await?;
    Ok(())
}

/// The key that tokens are stored under.
#[derive(Debug, Clone)]
pub struct Key(Arc<SecretSlice<u8>>);

impl Key {
    /// From `OCPIZZA_MANAGER_KEY`.
    pub fn of(secret: &SecretString) -> Self {
        Self(Arc::new(secret.expose_secret().as_bytes().to_vec().into()))
    }

    /// The key of a deployment that sets none: made once, kept in the database, the same for all
    /// its processes. For development and the demo: whoever reads the database can then forge sessions.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn development(pool: &PgPool) -> Result<Self, sqlx::Error> {
        let mut fresh = vec![0; 32];
        rand::rng().fill_bytes(&mut fresh);
        sqlx::query("INSERT INTO development_keys (key) VALUES ($1) ON CONFLICT DO NOTHING")
            .bind(fresh)
            .execute(pool)
            .await?;
        let key: Vec<u8> = sqlx::query_scalar("SELECT key FROM development_keys").fetch_one(pool).await?;
        Ok(Self(Arc::new(key.into())))
    }

    fn hash(&self, token: &str) -> [u8; 32] {
        // HMAC takes a key of any length.
        #[allow(clippy::expect_used)]
        let mut mac = Hmac::<Sha256>::new_from_slice(self.0.expose_secret()).expect("any length is a key");
        mac.update(token.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

/// A new session of an account: its bearer token, shown once, and when it ends.
///
/// # Errors
/// [`AuthError::UnknownAccount`], or when the database does not answer.
pub async fn issue_token(
    pool: &PgPool,
    key: &Key,
    email: &str,
    clock: &Clock,
) -> Result<(String, DateTime<Utc>), AuthError> {
    let account = account_by_email(pool, email)
        .await?
        .ok_or_else(|| AuthError::UnknownAccount(email.trim().to_owned()))?;
    let mut random = [0; 32];
    rand::rng().fill_bytes(&mut random);
    let token = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random));
    let now = clock.now();
    let expires_at = now + LIFETIME;
    sqlx::query(
        "INSERT INTO sessions (token_hash, account_id, created_at, expires_at) VALUES ($1, $2, $3, $4)",
    )
    .bind(&key.hash(&token)[..])
    .bind(account.id)
    .bind(now)
    .bind(expires_at)
    .execute(pool)
    .await?;
    Ok((token, expires_at))
}

type Cache = lru::LruCache<[u8; 32], (Instant, Option<Arc<Account>>)>;

/// Looks tokens up. Cloning shares what is remembered.
#[derive(Debug, Clone)]
pub struct Authenticator {
    pool: PgPool,
    key: Key,
    clock: Clock,
    cache: Arc<Mutex<Cache>>,
}

impl Authenticator {
    /// Over the sessions of a database.
    pub fn new(pool: PgPool, key: Key, clock: Clock) -> Self {
        let size = NonZeroUsize::new(CACHED).unwrap_or(NonZeroUsize::MIN);
        Self { pool, key, clock, cache: Arc::new(Mutex::new(Cache::new(size))) }
    }

    /// Whose token it is; nobody's when it is unknown or has ended. A change shows within a second.
    ///
    /// # Errors
    /// When the database does not answer, or the account cannot be read.
    pub async fn authenticate(&self, token: &str) -> Result<Option<Arc<Account>>, AuthError> {
        if !token.starts_with(PREFIX) || token.len() > 128 {
            return Ok(None);
        }
        let hash = self.key.hash(token);
        {
            let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
            match cache.get(&hash) {
                Some((seen, account)) if seen.elapsed() < CACHED_FOR => return Ok(account.clone()),
                _ => {}
            }
        }
        let columns = COLUMNS.split(", ").map(|name| format!("a.{name}")).collect::<Vec<_>>().join(", ");
        let sql = format!(
            "SELECT {columns} FROM sessions s JOIN accounts a ON a.id = s.account_id \
             WHERE s.token_hash = $1 AND s.expires_at > $2"
        );
        let row: Option<Row> =
            sqlx::query_as(&sql).bind(&hash[..]).bind(self.clock.now()).fetch_optional(&self.pool).await?;
        let account = row.map(Account::try_from).transpose()?.map(Arc::new);
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(hash, (Instant::now(), account.clone()));
        Ok(account)
    }
}
