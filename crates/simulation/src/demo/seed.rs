//! Loads the demo's data by commands with idempotency keys: loading it again changes nothing. Refuses a database that holds
//! other data.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::LogPosition;
use domain::access::{Actor, Role};
use domain::customer::CustomerCommand;
use domain::demo_data;
use domain::ids::{CustomerId, StaffId};
use domain::menu::MenuCommand;
use domain::pizzeria::PizzeriaCommand;
use domain::staff::StaffCommand;
use domain::stock::StockCommand;
use domain::usecase::{Refusal, ToCustomer, ToMenu, ToPizzeria, ToStaff, ToStock, UseCase};
use event_store::{CommandContext, EventStore, Idempotency, LogError, StoreError, log};
use futures_util::{StreamExt, TryStreamExt, stream};
use identity::accounts::{self, Account, AuthError, PasswordError};
use identity::personal_data;
use sha2::{Digest, Sha256};
use sqlx::PgPool;
use uuid::Uuid;

use super::people;

/// Concurrent commands; well below the store's queue.
const MAX_CONCURRENT_COMMANDS: usize = 32;

/// Why the demo's data was not loaded.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// The database holds other data.
    #[error("the database holds data that is not the demo's: use an empty database")]
    NotEmpty,
    /// The domain refused a command: the data contradicts the rules.
    #[error("{what} was refused: {refusal:?}")]
    Refused {
        /// Name of the command.
        what: String,
        /// The refusal.
        refusal: Box<Refusal>,
    },
    /// The event store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The log could not be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The accounts could not be read or stored.
    #[error(transparent)]
    Accounts(#[from] AuthError),
    /// The passwords could not be stored.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
    /// The password could not be computed.
    #[error(transparent)]
    Password(#[from] PasswordError),
}

/// A command, and the stable name in its idempotency key.
pub struct Step {
    name: String,
    pub use_case: Arc<dyn UseCase>,
}

impl Step {
    fn new(name: impl Into<String>, use_case: impl UseCase + 'static) -> Self {
        Self { name: name.into(), use_case: Arc::new(use_case) }
    }

    /// Returns the context: the system's actor and the key.
    pub fn context(&self, command_id: Uuid) -> CommandContext {
        let key = format!("demo:{}", self.name);
        let mut context = CommandContext::new(Actor::system(), command_id, "demo");
        // The fingerprint is of the name: a later release with other input leaves older data unchanged.
        context.idempotency = Some(Idempotency { fingerprint: Sha256::digest(&key).into(), key });
        context
    }
}

/// Returns the commands that load the data, in groups: each depends on the one before.
pub fn steps(accounts: &[Account], now: DateTime<Utc>) -> [Vec<Step>; 3] {
    [foundations(accounts, now), supplies(now), thresholds(now)]
}

/// Loads the missing part of the demo's data, accounts first, so an interrupted start is continued. Existing accounts stay
/// unchanged. Returns the last position of the log, for which readers may wait.
///
/// # Errors
/// See [`SeedError`].
pub async fn seed(store: &EventStore, now: DateTime<Utc>) -> Result<LogPosition, SeedError> {
    let accounts = people::accounts();
    let ids: Vec<Uuid> = accounts.iter().map(|account| account.id).collect();
    let there = accounts::accounts_by_ids(store.pool(), &ids).await?;
    if there.is_empty() && log::head(store.pool()).await? > LogPosition::START {
        return Err(SeedError::NotEmpty);
    }
    let erased = personal_data::erased_among(store.pool(), &ids).await.map_err(AuthError::from)?;
    let is_missing = |account: &Account| {
        !erased.contains(&account.id) && there.iter().all(|stored| stored.id != account.id)
    };
    let missing: Vec<Account> = accounts.iter().filter(|account| is_missing(account)).cloned().collect();
    accounts::store_accounts(store.pool(), &missing, now).await?;
    give_passwords(store.pool(), now).await?;

    for group in steps(&accounts, now) {
        let commands = group.into_iter().map(|step| carry_out(store, step));
        stream::iter(commands).buffer_unordered(MAX_CONCURRENT_COMMANDS).try_collect::<()>().await?;
    }
    Ok(log::head(store.pool()).await?)
}

/// Sets the demo's password for demo accounts without one, as in a database of an earlier release. One hash for all: a public
/// password needs no separate salts.
pub async fn give_passwords(pool: &PgPool, now: DateTime<Utc>) -> Result<(), SeedError> {
    let without = "SELECT EXISTS (SELECT 1 FROM accounts WHERE demo AND password_hash IS NULL)";
    if sqlx::query_scalar(without).fetch_one(pool).await? {
        let hash = tokio::task::spawn_blocking(|| accounts::hash_now(&people::PASSWORD.to_owned().into()))
            .await
            .map_err(|_| PasswordError::Failed)??;
        sqlx::query(
            "UPDATE accounts SET password_hash = $1, email_verified_at = COALESCE(email_verified_at, $2) \
             WHERE demo AND password_hash IS NULL",
        )
        .bind(hash)
        .bind(now)
        .execute(pool)
        .await?;
    }
    Ok(())
}

async fn carry_out(store: &EventStore, step: Step) -> Result<(), SeedError> {
    let context = step.context(Uuid::now_v7());
    let Step { name, use_case } = step;
    match store.execute(use_case, context).await?.refusal {
        None => Ok(()),
        Some(refusal) => Err(SeedError::Refused { what: name, refusal: Box::new(refusal) }),
    }
}

fn foundations(accounts: &[Account], now: DateTime<Utc>) -> Vec<Step> {
    let menu = MenuCommand::Publish { changes: Box::new(demo_data::menu()), now };
    let mut steps = vec![Step::new("publishMenu", ToMenu { command: menu })];
    steps.extend(demo_data::pizzerias().into_iter().map(|opening| {
        let pizzeria = opening.pizzeria.clone();
        let command = PizzeriaCommand::Open { opening: Box::new(opening), now };
        Step::new(format!("openPizzeria:{pizzeria}"), ToPizzeria { name: "openPizzeria", pizzeria, command })
    }));
    let staff = accounts.iter().filter(|account| account.role != Role::Customer);
    steps.extend(staff.map(|account| {
        let staff = StaffId(account.id);
        let (role, pizzeria) = (account.role, account.pizzeria.clone());
        let command = StaffCommand::Hire { staff, role, pizzeria, by: Role::System, other_directors: 0, now };
        Step::new(format!("hireStaff:{staff}"), ToStaff { name: "hireStaff", staff, command })
    }));
    let customers = accounts.iter().filter(|account| account.role == Role::Customer);
    steps.extend(customers.map(|account| {
        let customer = CustomerId(account.id);
        let command = CustomerCommand::Register { customer, now };
        Step::new(format!("signUp:{customer}"), ToCustomer { name: "signUp", customer, command })
    }));
    steps
}

fn supplies(now: DateTime<Utc>) -> Vec<Step> {
    let supply = |pizzeria| {
        let command = StockCommand::Receive {
            supplier: "Opening stock".into(),
            delivery_note: format!("OPENING-{pizzeria}"),
            lines: demo_data::opening_stock(&pizzeria),
            now,
        };
        Step::new(format!("receiveSupply:{pizzeria}"), ToStock { name: "receiveSupply", pizzeria, command })
    };
    demo_data::pizzerias().into_iter().map(|opening| supply(opening.pizzeria)).collect()
}

fn thresholds(now: DateTime<Utc>) -> Vec<Step> {
    let mut steps = Vec::new();
    for opening in demo_data::pizzerias() {
        for (ingredient, threshold) in demo_data::thresholds(&opening.pizzeria).iter() {
            let pizzeria = opening.pizzeria.clone();
            let name = format!("setStockThreshold:{pizzeria}:{ingredient}");
            let command = StockCommand::SetThreshold { ingredient: ingredient.clone(), threshold, now };
            steps.push(Step::new(name, ToStock { name: "setStockThreshold", pizzeria, command }));
        }
    }
    steps
}
