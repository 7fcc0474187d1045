//! Invitation of the group's first director by the operator. Later staff are hired by the mutation `hireStaff`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::{Actor, Role};
use domain::account::{AccountError, EmailAddress, NAME_MAX};
use domain::ids::StaffId;
use domain::usecase::{ManageStaff, StaffChange};
use event_store::{CommandContext, EventStore, StoreError};
use projections::account_access;
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::account::{Account, AuthError};
use super::address_release::{ReleaseError, release_unverified};
use super::attempt_limiter::AddressLookUp;
use super::one_time::{self, Purpose};
use super::server_key::ServerKey;
use super::{credentials, registration};
use crate::text;

/// Advisory lock of this command: a number that no other lock uses.
const LOCK_ID: i64 = 0x5354_4146_465f_4f43;

/// Reason why no director was invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The group has a director.
    #[error("the group has a director already: hire others with the mutation hireStaff")]
    NotTheFirst,
    /// The e-mail address is not valid.
    #[error("the e-mail address is not valid: {0}")]
    Email(AccountError),
    /// The name is not valid.
    #[error("the name must have 1 to {NAME_MAX} visible characters on one line")]
    Name,
    /// The address belongs to a customer who has verified it, or to a member of staff who is not a director.
    #[error("the e-mail address belongs to an account already: use another")]
    EmailTaken,
    /// The domain refused the command.
    #[error("refused: {0}")]
    Refused(String),
    /// The account could not be read or stored.
    #[error(transparent)]
    Account(#[from] AuthError),
    /// The log could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The address could not be released.
    #[error(transparent)]
    Release(#[from] ReleaseError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Hires the first director. Returns the token that sets the password (`resetPassword`), valid for a week. A repeated
/// call with the same address returns another token while no password is set.
///
/// # Errors
/// See [`InviteError`].
pub async fn invite_first_director(
    store: &EventStore,
    key: &ServerKey,
    email: &str,
    name: &str,
    now: DateTime<Utc>,
) -> Result<String, InviteError> {
    let email = EmailAddress::parse(email).map_err(InviteError::Email)?;
    let name = text::single_line(name).ok().flatten().filter(|name| name.chars().count() <= NAME_MAX);
    let name = name.ok_or(InviteError::Name)?;
    let pool = store.pool();
    let mut turn = pool.begin().await?;
    lock(&mut turn).await?;
    let counted = AddressLookUp::by_operator();
    let mut held = registration::holder_of(pool, &email, &counted).await?;
    if let Some(customer) = held.take_if(|held| held.role == Role::Customer) {
        if !registration::directors(pool).await?.is_empty() {
            return Err(InviteError::NotTheFirst);
        }
        let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "first-director");
        if !release_unverified(store, &customer, context, now).await? {
            return Err(InviteError::EmailTaken);
        }
    }
    let id = match held {
        Some(held) => invited(pool, &held).await?,
        None => hire(store, &email, &name, &counted, now).await?,
    };
    let token = one_time::issue(&mut turn, key, id, Purpose::Invitation, now).await?;
    turn.commit().await?;
    Ok(token)
}

/// Waits for another process that hires the first director, ten seconds at most.
async fn lock(transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query("SET LOCAL lock_timeout = '10s'").execute(&mut *transaction).await?;
    sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(LOCK_ID).execute(transaction).await?;
    Ok(())
}

/// Returns the id of a director who has not set a password yet.
async fn invited(pool: &PgPool, held: &Account) -> Result<Uuid, InviteError> {
    if held.role != Role::Director {
        return Err(InviteError::EmailTaken);
    }
    let stored = credentials::of_account(pool, held.id).await?;
    match stored {
        Some(stored) if stored.is_active() && stored.usable_hash().is_none() => Ok(held.id),
        _ => Err(InviteError::NotTheFirst),
    }
}

async fn hire(
    store: &EventStore,
    email: &EmailAddress,
    name: &str,
    counted: &AddressLookUp,
    now: DateTime<Utc>,
) -> Result<Uuid, InviteError> {
    let pool = store.pool();
    let directors = registration::directors(pool).await?;
    if !directors.is_empty() {
        return Err(InviteError::NotTheFirst);
    }
    let id = Uuid::now_v7();
    let account = Account::new(id, email.as_str(), Role::Director, name);
    if !registration::reserve(pool, &account, None, now, counted).await? {
        return Err(InviteError::EmailTaken);
    }
    let change = StaffChange::Hire { role: Role::Director, pizzeria: None };
    let (by, directors) = (Role::System, Vec::new());
    let use_case = ManageStaff { staff: StaffId(id), change, by, within: None, directors, now };
    let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "first-director");
    let outcome = store.execute(Arc::new(use_case), context).await?;
    match (outcome.refusal, outcome.position) {
        (None, Some(position)) => {
            let mut db = pool.acquire().await?;
            account_access::hired(&mut db, id, Role::Director, None, position).await?;
            Ok(id)
        }
        (refusal, _) => {
            registration::release(pool, id).await?;
            Err(InviteError::Refused(format!("{refusal:?}")))
        }
    }
}
