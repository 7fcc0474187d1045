//! Release of an e-mail address that an unverified customer account claims, so that its owner can be hired under it.
//! The customer account keeps its password, sessions and orders and never gains the staff role: only the mail to the
//! address opens the new account.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::account::AccountField;
use domain::customer::CustomerCommand;
use domain::ids::CustomerId;
use domain::usecase::{Refusal, RefusalCode, ToCustomer};
use event_store::{CommandContext, EventStore, StoreError};

use super::account::Account;
use super::one_time;

/// Reason why an address could not be released.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    /// The log could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

/// Releases the address of a customer account that has not verified it. Returns whether the address is free now. The
/// account gets an address that no mail reaches, until its holder sets another.
///
/// # Errors
/// [`ReleaseError`].
pub async fn release_unverified(
    store: &EventStore,
    held: &Account,
    context: CommandContext,
    now: DateTime<Utc>,
) -> Result<bool, ReleaseError> {
    if held.role != Role::Customer || held.email_verified {
        return Ok(false);
    }
    let command = CustomerCommand::Update { changed: [AccountField::Email].into(), now };
    let use_case = ToCustomer { name: "releaseAddress", customer: CustomerId(held.id), command };
    let outcome = store.execute(Arc::new(use_case), context).await?;
    // NotFound is no refusal here: an account may be older than the streams of customers.
    let known =
        outcome.refusal.as_ref().is_none_or(|refusal| Refusal::code(refusal) == RefusalCode::NotFound);
    if !known {
        return Ok(false);
    }
    let mut transaction = store.pool().begin().await?;
    let moved = sqlx::query(
        "UPDATE accounts SET email = $3, details_position = GREATEST(details_position, $4) \
         WHERE id = $1 AND email = $2 AND role = 'CUSTOMER' AND email_verified_at IS NULL",
    )
    .bind(held.id)
    .bind(&held.email)
    .bind(format!("released+{}@ocpizza-manager.invalid", held.id))
    .bind(outcome.position.map_or(0, |position| position.0))
    .execute(&mut *transaction)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(false);
    }
    // Tokens sent to the address must not open this account any more.
    one_time::end_all_of(&mut *transaction, held.id).await?;
    transaction.commit().await?;
    Ok(true)
}
