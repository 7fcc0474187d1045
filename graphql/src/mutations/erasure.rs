//! Erasing a customer: at once, whatever the state of their orders, and for good. That it happened is an
//! event; the rows go when it is stored, and would go all the same if this process ended in between.

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
use super::run::{check_options, command_context, execute_in, told};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::inputs::Problems;
use crate::roles_directive::{requires, roles};
use crate::scalars::{Position, Secret};
use crate::types::user_error::UserError;

/// That the caller's own account shall be erased.
#[derive(Debug, InputObject)]
pub struct EraseMyAccountInput {
    /// The password: a session alone does not suffice for what cannot be undone.
    pub current_password: Secret,
    /// 1 to 255 characters; accepted like everywhere, though there is nobody left to ask again.
    pub idempotency_key: Option<String>,
}

/// A customer to be erased, who has asked for it.
#[derive(Debug, InputObject)]
pub struct EraseCustomerInput {
    /// The customer.
    pub customer_id: ID,
    /// 1 to 255 characters; accepted like everywhere. To erase again changes nothing.
    pub idempotency_key: Option<String>,
}

/// What became of an erasure: nothing of the account is left to be shown.
macro_rules! erasure_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        pub struct $name {
            /// The id of the customer who was erased, which means nothing any more; none when refused.
            pub customer_id: Option<ID>,
            /// The position of the event that says so; none when it was stored before.
            pub position: Option<Position>,
            /// Why not, when refused.
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
    /// The caller's account is gone, and so are their sessions.
    EraseMyAccountPayload,
    /// The customer's account is gone, and so are their sessions.
    EraseCustomerPayload,
}

/// Erasure.
#[derive(Debug, Default)]
pub struct ErasureMutation;

/// Erasure.
#[Object]
impl ErasureMutation {
    /// Erases what is kept of the caller, at once and for good: account, contacts, sessions. Orders stay as
    /// they were, without a name.
    #[graphql(directive = requires::apply(roles(Permission::EraseOwnAccount)))]
    async fn erase_my_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "That it is meant.")] input: EraseMyAccountInput,
    ) -> Result<EraseMyAccountPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let customer = CustomerId(caller.actor()?.id);
        caller.authorize(Permission::EraseOwnAccount, Scope::Account(customer.0))?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = told(ctx, problems)? {
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

    /// Erases what is kept of a customer who has asked for it in another way, at once and for good.
    #[graphql(directive = requires::apply(roles(Permission::EraseCustomer)))]
    async fn erase_customer(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which customer.")] input: EraseCustomerInput,
    ) -> Result<EraseCustomerPayload, ApiError> {
        ctx.caller()?.authorize(Permission::EraseCustomer, Scope::Group)?;
        let customer = CustomerId::required(&input.customer_id, "input.customerId")?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = told(ctx, problems)? {
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

/// Stores that a customer is erased, and erases; what is done already is done again.
async fn erase(
    ctx: &Context<'_>,
    name: &'static str,
    customer: CustomerId,
) -> Result<Option<domain::LogPosition>, ApiError> {
    let services = ctx.services()?;
    let now = ctx.now()?;
    // Without the caller's key: nothing of it may be kept.
    let context = command_context(ctx, None, None)?;
    let command = ToCustomer { name, customer, command: CustomerCommand::Erase { now } };
    // Its only refusal is that it was done before.
    let result = execute_in(services, command, context).await?;
    let account = accounts::accounts_by_ids(&services.pool, &[customer.0]).await?.pop();
    let mut db = services.pool.acquire().await?;
    erase_customer(&mut db, customer, now).await?;
    if let Some(account) = account {
        services.mail_queue.forget(account.email).await;
    }
    Ok(result.accepted_at())
}
