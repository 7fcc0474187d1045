//! Removal of a second factor by the operator, for a holder who has lost the app and the recovery codes.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::{Actor, Role};
use domain::account::AccountField;
use domain::customer::CustomerCommand;
use domain::ids::{CustomerId, StaffId};
use domain::staff::StaffCommand;
use domain::usecase::{ToCustomer, ToStaff};
use event_store::{CommandContext, EventStore, StoreError};
use uuid::Uuid;

use super::account::{AuthError, account_by_email};
use super::second_factor;

/// Reason why a second factor could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum SecondFactorRemovalError {
    /// The account could not be read.
    #[error(transparent)]
    Account(#[from] AuthError),
    /// The log could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Removes the second factor of the account with an e-mail address, with an event of the system. Returns whether a
/// confirmed one was removed.
///
/// # Errors
/// [`SecondFactorRemovalError`].
pub async fn remove_second_factor(
    store: &EventStore,
    email: &str,
    now: DateTime<Utc>,
) -> Result<bool, SecondFactorRemovalError> {
    let pool = store.pool();
    let account = account_by_email(pool, email).await?;
    let account = account.ok_or_else(|| AuthError::UnknownAccount(email.trim().to_owned()))?;
    if !second_factor::remove(pool, account.id).await? {
        return Ok(false);
    }
    let changed: BTreeSet<_> = [AccountField::Totp].into();
    let context = CommandContext::new(Actor::system(), Uuid::now_v7(), "lost-app");
    if account.role == Role::Customer {
        let command = CustomerCommand::Update { changed, now };
        let use_case = ToCustomer { name: "disableTotp", customer: CustomerId(account.id), command };
        store.execute(Arc::new(use_case), context).await?;
    } else {
        let command = StaffCommand::UpdateAccount { changed, now };
        let use_case = ToStaff { name: "disableTotp", staff: StaffId(account.id), command };
        store.execute(Arc::new(use_case), context).await?;
    }
    Ok(true)
}
