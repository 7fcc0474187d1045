//! Mutations with mailed tokens: verification of an address, password reset. No answer reveals which e-mail
//! addresses have an account, and each takes the same time either way.

use std::sync::{Arc, LazyLock};

use async_graphql::{Context, InputObject, Object, SimpleObject};
use domain::account::{AccountError, EmailAddress};
use event_store::CommandResult;
use identity::accounts::credentials::Credentials;
use identity::accounts::one_time::{self, Purpose};
use identity::accounts::session;
use identity::accounts::{self, credentials};
use mail::{Letter, MailPermit};
use messages::labels::Lang;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use super::account_steps::{Step, ToAccount, check_new_password, refused};
use super::run::{
    Payload, check_options, execute_in, payload, payload_if_invalid, run_to_completion, secret_context,
    settled,
};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::open;
use crate::inputs::Problems;
use crate::scalars::{Position, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// Limits concurrent lookups for requested mails; further requests are dropped.
static MAIL_LOOKUPS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| Arc::new(Semaphore::new(64)));

/// The mailed token that verifies an e-mail address.
#[derive(Debug, InputObject)]
pub struct VerifyEmailInput {
    /// The token, valid once.
    pub token: Secret,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// The account whose password was forgotten.
#[derive(Debug, InputObject)]
pub struct RequestPasswordResetInput {
    /// E-mail address, in any case.
    pub email: String,
    /// Idempotency key (1–255 characters); ignored: each request sends a mail, and only the last token is
    /// valid.
    pub idempotency_key: Option<String>,
}

/// The mailed token and the new password.
#[derive(Debug, InputObject)]
pub struct ResetPasswordInput {
    /// The token of `requestPasswordReset` or of an invitation, valid once.
    pub token: Secret,
    /// The new password: at least 10 characters, at most 256 bytes, and not easy to guess.
    pub new_password: Secret,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

macro_rules! plain_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Default, SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $name {
            /// The account if it is the caller's own; `null` otherwise.
            pub account: Option<Account>,
            /// Log position of the last event that was stored; `null` when nothing was stored.
            pub position: Option<Position>,
            /// Why the command was refused, all reasons at once; empty when it was accepted.
            pub user_errors: Vec<UserError>,
        }

        impl From<UserError> for $name {
            fn from(error: UserError) -> Self {
                Self { user_errors: vec![error], ..Self::default() }
            }
        }

        impl From<Vec<UserError>> for $name {
            fn from(user_errors: Vec<UserError>) -> Self {
                Self { user_errors, ..Self::default() }
            }
        }

        impl Payload for $name {
            fn of(result: &CommandResult, _seen: domain::LogPosition, user_errors: Vec<UserError>) -> Self {
                Self { account: None, position: result.position.map(Position), user_errors }
            }
        }
    )+};
}

plain_payloads! {
    /// The result of verifying an e-mail address.
    VerifyEmailPayload,
    /// The result, the same for every address; a mail is sent only if an account has the address.
    RequestPasswordResetPayload,
    /// The result of the reset: the password is set and every session has ended.
    ResetPasswordPayload,
}

/// Mutations with mailed tokens.
#[derive(Debug, Default)]
pub struct MailedTokenMutation;

/// Mutations with mailed tokens.
#[Object]
impl MailedTokenMutation {
    /// Verifies an e-mail address by a mailed token. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn verify_email(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: VerifyEmailInput,
    ) -> Result<VerifyEmailPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let token = input.token.0.expose_secret();
        let Some(account) = holder(services, token, &[Purpose::VerifyEmail]).await? else {
            return Ok(refused(caller, AccountError::BadToken).into());
        };
        let context = secret_context(ctx, account.actor(), input.idempotency_key, None)?;
        let id = account.id;
        let verified = {
            let (services, token) = (services.clone(), input.token.0.clone());
            run_to_completion(async move { verify(&services, &account, &token, context).await }).await?
        };
        let Some(result) = verified else { return Ok(refused(caller, AccountError::BadToken).into()) };
        let own = caller.actor.as_ref().is_some_and(|actor| actor.id == id);
        let mut payload: VerifyEmailPayload = payload(services, caller, &result);
        if own {
            let account = accounts::accounts_by_ids(&services.pool, &[id]).await?.into_iter().next();
            payload.account = account.map(|account| Account(Arc::new(account)));
        }
        Ok(payload)
    }

    /// Mails a token for `resetPassword` to the address if an account has it; the result is the same
    /// otherwise. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn request_password_reset(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RequestPasswordResetInput,
    ) -> Result<RequestPasswordResetPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let mut problems = Problems::default();
        let email = problems.email("email", &input.email);
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        let email = match problems.all(email) {
            Ok(email) => email,
            Err(error) => return settled(ctx, Err::<RequestPasswordResetPayload, _>(error)),
        };
        let permit =
            services.mail_queue.permit(Letter::ResetPassword, email.as_str(), caller.origin()).await?;
        // Looked up outside the request, so that its duration reveals nothing.
        if let Ok(place) = MAIL_LOOKUPS.clone().try_acquire_owned() {
            let (services, lang) = (services.clone(), caller.lang);
            let request_id = caller.request_id.clone();
            tokio::spawn(async move {
                if let Err(error) = send_reset(&services, &email, permit, lang).await {
                    let cause = event_store::chain(&error);
                    tracing::warn!(request_id = &*request_id, cause, "a request for a new password failed");
                }
                drop(place);
            });
        }
        Ok(RequestPasswordResetPayload::default())
    }

    /// Sets a password by a mailed token and ends every session of the account. Also accepts an invitation.
    /// Open to every caller.
    #[graphql(directive = open::apply())]
    async fn reset_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ResetPasswordInput,
    ) -> Result<ResetPasswordPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let token = input.token.0.expose_secret();
        let purposes = [Purpose::ResetPassword, Purpose::Invitation];
        let Some(account) = holder(services, token, &purposes).await? else {
            return Ok(refused(caller, AccountError::BadToken).into());
        };
        let email = EmailAddress::parse(&account.email).map_err(ApiError::permanent)?;
        let mut problems = Problems::default();
        let name = &account.display_name;
        check_new_password(&mut problems, "newPassword", &input.new_password.0, Some(&email), name);
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let context = secret_context(ctx, account.actor(), input.idempotency_key, None)?;
        let hash = services.passwords.hash(input.new_password.0).await?;
        let reset = {
            let (services, caller, token) = (services.clone(), caller.clone(), input.token.0.clone());
            run_to_completion(
                async move { reset(&services, &caller, &account, &token, &hash, context).await },
            )
            .await?
        };
        Ok(match reset {
            Some(result) => payload(services, caller, &result),
            None => refused(caller, AccountError::BadToken).into(),
        })
    }
}

/// Returns the account that a token is valid for.
async fn holder(
    services: &Services,
    token: &str,
    purposes: &[Purpose],
) -> Result<Option<accounts::Account>, ApiError> {
    let now = services.clock.now();
    let Some(id) = one_time::holder(&services.pool, &services.key, token, purposes, now).await? else {
        return Ok(None);
    };
    Ok(accounts::accounts_by_ids(&services.pool, &[id]).await?.into_iter().next())
}

async fn send_reset(
    services: &Services,
    email: &EmailAddress,
    permit: MailPermit,
    lang: Lang,
) -> Result<(), ApiError> {
    let found = credentials::of_email(&services.pool, email).await?;
    let Some(account) = found.filter(Credentials::is_active) else { return Ok(()) };
    let mut transaction = services.pool.begin().await?;
    let now = services.clock.now();
    // A token sent to an old address must not open the account.
    if !credentials::reached_at(&mut transaction, account.id, email.as_str()).await? {
        return Ok(());
    }
    let token =
        one_time::issue(&mut transaction, &services.key, account.id, Purpose::ResetPassword, now).await?;
    transaction.commit().await?;
    services.mail_queue.send(permit, &token, lang);
    Ok(())
}

/// Stores the event, then verifies the address and deletes the token; only the event if the token was used
/// concurrently.
async fn verify(
    services: &Services,
    account: &accounts::Account,
    token: &SecretString,
    context: event_store::CommandContext,
) -> Result<Option<CommandResult>, ApiError> {
    let now = services.clock.now();
    let to_account = ToAccount::new("verifyEmail", account, Step::VerifyEmail, now);
    let result = execute_in(services, to_account, context).await?;
    if result.refusal.is_none() {
        let mut transaction = services.pool.begin().await?;
        credentials::lock(&mut transaction, account.id).await?;
        if !one_time::use_up(&mut *transaction, &services.key, token.expose_secret(), now).await? {
            return Ok(None);
        }
        credentials::email_verified(&mut *transaction, account.id, now).await?;
        transaction.commit().await?;
    }
    Ok(Some(result))
}

/// Stores the event, then the password, deletes the token and ends every session in one transaction; only the
/// event if the token was used concurrently.
async fn reset(
    services: &Services,
    caller: &Caller,
    account: &accounts::Account,
    token: &SecretString,
    hash: &str,
    context: event_store::CommandContext,
) -> Result<Option<CommandResult>, ApiError> {
    let now = services.clock.now();
    let step = Step::ChangePassword { reset: true };
    let to_account = ToAccount::new("resetPassword", account, step, now);
    let result = execute_in(services, to_account, context).await?;
    let Some(position) = result.accepted_at() else { return Ok(Some(result)) };
    let mut transaction = services.pool.begin().await?;
    credentials::lock(&mut transaction, account.id).await?;
    if !one_time::use_up(&mut *transaction, &services.key, token.expose_secret(), now).await? {
        return Ok(None);
    }
    credentials::change_password(&mut *transaction, account.id, hash, position).await?;
    // The token's holder receives the mail of this address.
    credentials::email_verified(&mut *transaction, account.id, now).await?;
    one_time::end_all_of(&mut *transaction, account.id).await?;
    services.attempt_limiter.forgive(&mut *transaction, account.id, &account.email, caller.address).await?;
    session::end_all_of(&mut *transaction, account.id, None).await?;
    transaction.commit().await?;
    Ok(Some(result))
}
