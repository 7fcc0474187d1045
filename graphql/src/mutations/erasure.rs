//! Erases a customer immediately and for good, whatever the state of the orders. The erasure is an event; the
//! rows are deleted once it is stored, even if this process ends in between.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::access::{Permission, Role, Scope};
use domain::account::AccountError;
use domain::customer::{Customer, CustomerCommand};
use domain::ids::CustomerId;
use domain::usecase::ToCustomer;
use domain::{AggregateState, StreamId};
use identity::accounts;
use identity::personal_data::erase_customer;

use super::account_steps::{confirm_password, refused_at};
use super::run::{check_options, command_context, execute_in, payload_if_invalid};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::inputs::Problems;
use crate::scalars::{Position, Secret};
use crate::types::user_error::UserError;

/// The confirmation to erase the caller's own account.
#[derive(Debug, InputObject)]
pub struct EraseMyAccountInput {
    /// The password; a session alone is not enough for an irreversible command.
    pub current_password: Secret,
    /// Idempotency key (1–255 characters); ignored, since the account no longer exists afterwards.
    pub idempotency_key: Option<String>,
}

/// A customer who has requested erasure.
#[derive(Debug, InputObject)]
pub struct EraseCustomerInput {
    /// The customer.
    pub customer_id: ID,
    /// Idempotency key (1–255 characters); ignored, since a second erasure changes nothing.
    pub idempotency_key: Option<String>,
}

/// Defines payloads of an erasure, which show nothing of the account.
macro_rules! erasure_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $name {
            /// The id of the erased customer, which no longer refers to any data; `null` when refused.
            pub customer_id: Option<ID>,
            /// Log position of the event; `null` if the customer was erased before.
            pub position: Option<Position>,
            /// Why the command was refused; empty when it was accepted.
            pub user_errors: Vec<UserError>,
        }

        impl From<Vec<UserError>> for $name {
            fn from(user_errors: Vec<UserError>) -> Self {
                Self { customer_id: None, position: None, user_errors }
            }
        }

        impl From<(CustomerId, Option<domain::LogPosition>)> for $name {
            fn from((customer, position): (CustomerId, Option<domain::LogPosition>)) -> Self {
                Self {
                    customer_id: Some(customer.to_global()),
                    position: position.map(Position),
                    user_errors: Vec::new(),
                }
            }
        }
    )+};
}

erasure_payloads! {
    /// The caller's account and sessions are erased.
    EraseMyAccountPayload,
    /// The customer's account and sessions are erased.
    EraseCustomerPayload,
}

/// Mutations that erase personal data.
#[derive(Debug, Default)]
pub struct ErasureMutation;

/// Mutations that erase personal data.
#[Object]
impl ErasureMutation {
    /// Erases the caller's personal data immediately and for good: account, contacts and sessions. Orders
    /// stay, without a name.
    #[graphql(directive = requires::apply(Permission::EraseOwnAccount))]
    async fn erase_my_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: EraseMyAccountInput,
    ) -> Result<EraseMyAccountPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let customer = CustomerId(caller.actor()?.id);
        caller.reach(Scope::Account(customer.0))?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let password = input.current_password.0;
        let Some(attempt) = confirm_password(services, caller, customer.0, password).await? else {
            let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
            return Ok(EraseMyAccountPayload { customer_id: None, position: None, user_errors: vec![error] });
        };
        services.attempt_limiter.succeeded(attempt).await?;
        let position = erase(ctx, "eraseMyAccount", customer).await?;
        Ok((customer, position).into())
    }

    /// Erases the personal data of a customer who requested it by other means, immediately and for good.
    #[graphql(directive = requires::apply(Permission::EraseCustomer))]
    async fn erase_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: EraseCustomerInput,
    ) -> Result<EraseCustomerPayload, ApiError> {
        ctx.caller()?.reach(Scope::Group)?;
        let customer = CustomerId::required(&input.customer_id, "input.customerId")?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let services = ctx.services()?;
        let accounts = accounts::accounts_by_ids(&services.pool, &[customer.0]).await?;
        let known = match services.store.load(&StreamId::customer(customer)).await? {
            (AggregateState::Customer(Customer::Registered(_) | Customer::Erased), _) => true,
            _ => accounts.iter().any(|account| account.role == Role::Customer),
        };
        if !known {
            return Err(ApiError::NotFound("customer"));
        }
        let position = erase(ctx, "eraseCustomer", customer).await?;
        Ok((customer, position).into())
    }
}

/// Stores the event of an erasure and erases; repeats both if already done.
async fn erase(
    ctx: &Context<'_>,
    name: &'static str,
    customer: CustomerId,
) -> Result<Option<domain::LogPosition>, ApiError> {
    let services = ctx.services()?;
    let now = ctx.now()?;
    // Without the caller's key, which would be stored.
    let context = command_context(ctx, None, None)?;
    let command = ToCustomer { name, customer, command: CustomerCommand::Erase { now } };
    // The only refusal is that the customer was erased before.
    let result = execute_in(services, command, context).await?;
    let account = accounts::accounts_by_ids(&services.pool, &[customer.0]).await?.pop();
    let mut db = services.pool.acquire().await?;
    erase_customer(&mut db, customer, now).await?;
    if let Some(account) = account {
        services.mail_queue.forget(account.email).await;
    }
    Ok(result.accepted_at())
}
