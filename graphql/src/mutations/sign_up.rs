//! Creates a customer's account: reserves the row, stores the event, then activates the row; see
//! `accounts::registration`.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::LogPosition;
use domain::access::{Actor, Role};
use domain::account::AccountError;
use domain::customer::CustomerCommand;
use domain::ids::{ContactId, CustomerId};
use domain::usecase::{Refusal, RefusalCode, ToCustomer};
use event_store::CommandContext;
use identity::accounts::one_time::{self, Purpose};
use identity::accounts::{self, AddressLookUp, AttemptError, credentials, registration};
use mail::Letter;
use projections::account_access;
use secrecy::SecretString;
use uuid::Uuid;

use super::account_steps::{check_new_password, new_account_id, refused};
use super::run::{
    check_options, execute_in, fresh_id, run_to_completion, secret_context, settled, user_errors,
};
use super::sign_in::{Opened, SignInProof, open_session};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::open;
use crate::inputs::{AddressInput, ContactInput, NAME_MAX, Path, Problems};
use crate::scalars::{self, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// The account to create.
#[derive(Debug, InputObject)]
pub struct SignUpInput {
    /// The customer's name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Phone number.
    pub phone: Option<String>,
    /// Postal address.
    pub address: Option<AddressInput>,
    /// The password: at least 10 characters, at most 256 bytes, and not easy to guess.
    pub password: Secret,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same account with a
    /// new session, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// The new account and its session.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct SignUpPayload {
    /// The account; `null` when refused.
    pub account: Option<Account>,
    /// The bearer token of the session, shown only here; `null` when refused.
    pub token: Option<String>,
    /// The end of the session; `null` when refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// Log position of the last event that was stored; `null` when nothing was stored.
    pub position: Option<scalars::Position>,
    /// Why the command was refused, all reasons at once; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

impl SignUpPayload {
    fn refused(user_errors: Vec<UserError>) -> Self {
        Self { account: None, token: None, expires_at: None, position: None, user_errors }
    }
}

impl From<Vec<UserError>> for SignUpPayload {
    fn from(user_errors: Vec<UserError>) -> Self {
        Self::refused(user_errors)
    }
}

/// Sign-up.
#[derive(Debug, Default)]
pub struct SignUpMutation;

/// Sign-up.
#[Object]
impl SignUpMutation {
    /// Creates a customer's account and opens a session. A mail with a token for `verifyEmail` is sent. Open
    /// to every caller.
    #[graphql(directive = open::apply())]
    async fn sign_up(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: SignUpInput,
    ) -> Result<SignUpPayload, ApiError> {
        settled(ctx, make(ctx, input).await)
    }
}

/// Reads the input and creates the account.
async fn make(ctx: &Context<'_>, input: SignUpInput) -> Result<SignUpPayload, ApiError> {
    let (services, caller) = (ctx.services()?, ctx.caller()?);
    let mut problems = Problems::default();
    let email = problems.email("email", &input.email);
    let name = problems.text("name", &input.name, NAME_MAX);
    let given = ContactInput { name: None, phone: input.phone, email: None, address: input.address };
    let kept = problems.contact(Path::Input, ContactId(Uuid::nil()), Some(&given), None);
    let password = input.password.0;
    check_new_password(&mut problems, "password", &password, email.as_ref(), &input.name);
    check_options(&mut problems, input.idempotency_key.as_deref(), None);
    let (email, name) = problems.all((email, name))?;
    let now = services.clock.now();
    let id = new_account_id(services, "signUp", &email, input.idempotency_key.as_deref(), now);
    let account = accounts::Account {
        phone: kept.phone,
        street: kept.street,
        postcode: kept.postcode,
        city: kept.city,
        latitude: kept.latitude,
        longitude: kept.longitude,
        ..accounts::Account::new(id, email.as_str(), Role::Customer, name)
    };
    let actor = Actor { id, role: Role::Customer, pizzeria: None };
    let context = secret_context(ctx, actor, input.idempotency_key, None)?;
    let counted = services.attempt_limiter.look_up(caller.origin()).await?;
    let (services, caller) = (services.clone(), caller.clone());
    let making = async move { sign_up(&services, &caller, account, password, counted, context).await };
    run_to_completion(making).await
}

async fn sign_up(
    services: &Services,
    caller: &Caller,
    account: accounts::Account,
    password: SecretString,
    counted: AddressLookUp,
    context: CommandContext,
) -> Result<SignUpPayload, ApiError> {
    let now = services.clock.now();
    let hash = services.passwords.hash(password.clone()).await?;
    let fresh = registration::reserve(&services.pool, &account, Some(&hash), now, &counted).await?;
    let answered = match &context.idempotency {
        Some(given) if !fresh => services.store.has_answered(account.id, &given.key).await?,
        _ => false,
    };
    if !fresh && !answered {
        return Ok(SignUpPayload::refused(vec![refused(caller, AccountError::EmailTaken)]));
    }
    let customer = CustomerId(account.id);
    let command = CustomerCommand::Register { customer, now };
    let to_customer = ToCustomer { name: "signUp", customer, command };
    let correlation_id = context.correlation_id.clone();
    let result = execute_in(services, to_customer, context).await?;
    let Some(position) = result.accepted_at() else {
        // Data of an erased customer must not be stored again; another command with the same key may still be
        // in progress.
        let code = result.refusal.as_ref().map(Refusal::code);
        if fresh && code != Some(RefusalCode::IdempotencyKeyReused) {
            registration::release(&services.pool, account.id).await?;
        }
        return Ok(SignUpPayload::refused(user_errors(services, caller, &result)));
    };
    let verification = take_into_use(services, account.id, position, fresh).await?;
    if let Some(token) = verification {
        match services.mail_queue.permit(Letter::VerifyEmail, &account.email, caller.origin()).await {
            Ok(permit) => services.mail_queue.send(permit, &token, caller.lang),
            // The account is created: another mail can be requested later. The limit may come from other
            // clients.
            Err(AttemptError::TooMany(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    let Some(credentials) = credentials::of_account(&services.pool, account.id).await? else {
        // It took so long that another account has the address; this customer has no account.
        forget(services, customer, &correlation_id).await?;
        return Ok(SignUpPayload::refused(vec![refused(caller, AccountError::EmailTaken)]));
    };
    let given = SignInProof { password, computed: fresh.then_some(hash), totp_code: None };
    match open_session(services, caller, &credentials, given).await? {
        Ok(Opened { token, expires_at }) => Ok(SignUpPayload {
            account: accounts::accounts_by_ids(&services.pool, &[account.id])
                .await?
                .into_iter()
                .next()
                .map(|account| Account(Arc::new(account))),
            token: Some(token),
            expires_at: Some(expires_at),
            position: result.position.map(scalars::Position),
            user_errors: Vec::new(),
        }),
        // A much later repetition: the password has changed, or an authenticator app was set up.
        Err(error) => Ok(SignUpPayload {
            position: result.position.map(scalars::Position),
            ..SignUpPayload::refused(vec![refused(caller, error)])
        }),
    }
}

/// Activates a new account and issues a token for its address.
async fn take_into_use(
    services: &Services,
    account: Uuid,
    position: LogPosition,
    fresh: bool,
) -> Result<Option<String>, ApiError> {
    let mut transaction = services.pool.begin().await?;
    account_access::registered(&mut transaction, account, position).await?;
    // The account may be erased; then no mail is sent.
    let there = credentials::of_account(&mut *transaction, account).await?.is_some();
    let token = if fresh && there {
        let now = services.clock.now();
        Some(one_time::issue(&mut transaction, &services.key, account, Purpose::VerifyEmail, now).await?)
    } else {
        None
    };
    transaction.commit().await?;
    Ok(token)
}

async fn forget(services: &Services, customer: CustomerId, correlation_id: &str) -> Result<(), ApiError> {
    let now = services.clock.now();
    let context = CommandContext::new(Actor::system(), fresh_id(now), correlation_id);
    let command = CustomerCommand::Erase { now };
    let use_case = ToCustomer { name: "signUp", customer, command };
    services.store.execute(Arc::new(use_case), context).await?;
    Ok(())
}
