//! Mutations of the caller's own authenticator app (RFC 6238): enrol, confirm by a first code, disable. A
//! secret is shown once and never written to an event.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use domain::access::Permission;
use domain::account::{AccountError, AccountField};
use identity::accounts;
use identity::accounts::second_factor::{self, FittingCode};
use mail::Letter;
use secrecy::ExposeSecret;

use super::account_steps::{Step, ToAccount, confirm_password, own_account, refused, refused_at};
use super::run::{
    check_options, command_context, execute_in, payload_if_invalid, run_to_completion, user_errors,
};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::inputs::Problems;
use crate::scalars::{Position, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// The password, to set up an authenticator app.
#[derive(Debug, InputObject)]
pub struct EnrolTotpInput {
    /// The current password.
    pub current_password: Secret,
    /// Idempotency key (1–255 characters); ignored, since each enrolment has a new secret.
    pub idempotency_key: Option<String>,
}

/// The first code of an authenticator app.
#[derive(Debug, InputObject)]
pub struct ConfirmTotpInput {
    /// The six digits that the app shows.
    pub code: Secret,
    /// Idempotency key (1–255 characters); ignored, since recovery codes are shown once.
    pub idempotency_key: Option<String>,
}

/// The password and a code, to disable the authenticator app.
#[derive(Debug, InputObject)]
pub struct DisableTotpInput {
    /// The current password.
    pub current_password: Secret,
    /// A code of the app, or a recovery code.
    pub code: Secret,
    /// Idempotency key (1–255 characters); ignored, since a disabled app stays disabled.
    pub idempotency_key: Option<String>,
}

/// The secret for an authenticator app. Sign-in requires codes only after `confirmTotp`.
#[derive(Debug, Default, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct EnrolTotpPayload {
    /// The account after the command.
    pub account: Option<Account>,
    /// The secret in base 32, to be typed into the app; shown only here.
    pub secret: Option<String>,
    /// The secret as an `otpauth:` URI, to be shown as a QR code; shown only here.
    pub otpauth_uri: Option<String>,
    /// Always `null`: an unconfirmed enrolment is not an event.
    pub position: Option<Position>,
    /// Why the command was refused, all reasons at once; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

/// The result of the confirmation: sign-in requires a code from now on.
#[derive(Debug, Default, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ConfirmTotpPayload {
    /// The account after the command.
    pub account: Option<Account>,
    /// Ten recovery codes, each valid once, shown only here; `null` when refused.
    pub recovery_codes: Option<Vec<String>>,
    /// Log position of the last event that was stored; `null` when nothing was stored.
    pub position: Option<Position>,
    /// Why the command was refused, all reasons at once; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

/// The result of disabling the authenticator app.
#[derive(Debug, Default, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct DisableTotpPayload {
    /// The account after the command.
    pub account: Option<Account>,
    /// Log position of the last event that was stored; `null` when nothing was stored.
    pub position: Option<Position>,
    /// Why the command was refused, all reasons at once; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

macro_rules! refused_payloads {
    ($($name:ident)+) => {$(
        impl From<Vec<UserError>> for $name {
            fn from(user_errors: Vec<UserError>) -> Self {
                Self { user_errors, ..Self::default() }
            }
        }

        impl From<(accounts::Account, UserError)> for $name {
            fn from((account, error): (accounts::Account, UserError)) -> Self {
                Self { account: shown(account), user_errors: vec![error], ..Self::default() }
            }
        }
    )+};
}

refused_payloads!(EnrolTotpPayload ConfirmTotpPayload DisableTotpPayload);

/// Mutations of authenticator apps.
#[derive(Debug, Default)]
pub struct TotpMutation;

/// Mutations of authenticator apps.
#[Object]
impl TotpMutation {
    /// Starts the set-up of an authenticator app for the caller's own account and returns its secret.
    /// `confirmTotp` completes it; a second enrolment before that replaces the secret.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn enrol_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: EnrolTotpInput,
    ) -> Result<EnrolTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        let password = input.current_password.0;
        let Some(attempt) = confirm_password(services, caller, account.id, password).await? else {
            let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
            return Ok((account, error).into());
        };
        services.attempt_limiter.succeeded(attempt).await?;
        let now = services.clock.now();
        let (pool, key) = (&services.pool, &services.key);
        match second_factor::enrol(pool, key, account.id, &account.email, now).await? {
            Some(enrolment) => Ok(EnrolTotpPayload {
                account: shown(account),
                secret: Some(enrolment.secret.expose_secret().to_owned()),
                otpauth_uri: Some(enrolment.uri.expose_secret().to_owned()),
                ..EnrolTotpPayload::default()
            }),
            None => Ok((account, refused(caller, AccountError::TotpEnabled)).into()),
        }
    }

    /// Completes the set-up of an authenticator app by its first code. From then on `signIn` requires a code.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn confirm_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ConfirmTotpInput,
    ) -> Result<ConfirmTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let now = services.clock.now();
        let attempt = services.attempt_limiter.confirm(account.id, caller.session).await?;
        let second = second_factor::of_account(&services.pool, &services.key, account.id, now).await?;
        let Some(second) = second else {
            return Ok((account, refused(caller, AccountError::TotpNotEnabled)).into());
        };
        if second.confirmed {
            return Ok((account, refused(caller, AccountError::TotpEnabled)).into());
        }
        // Recovery codes do not exist before the confirmation.
        let Some(FittingCode::Totp(step)) = second.fits(input.code.0.expose_secret(), now) else {
            return Ok((account, refused(caller, AccountError::BadTotpCode)).into());
        };
        services.attempt_limiter.succeeded(attempt).await?;
        // Without the caller's key: a code is valid once.
        let context = command_context(ctx, None, None)?;
        let (services, caller) = (services.clone(), caller.clone());
        run_to_completion(async move {
            let result = tell(&services, "confirmTotp", &account, context).await?;
            if result.refusal.is_some() {
                let user_errors = user_errors(&services, &caller, &result);
                let account = shown(account);
                return Ok(ConfirmTotpPayload { account, user_errors, ..ConfirmTotpPayload::default() });
            }
            let confirmed =
                second_factor::confirm(&services.pool, &services.key, account.id, step, now).await?;
            let Some(codes) = confirmed else { return Err(ApiError::Conflict) };
            warn(&services, &caller, &account).await?;
            Ok(ConfirmTotpPayload {
                account: shown(account),
                recovery_codes: Some(codes),
                position: result.position.map(Position),
                user_errors: Vec::new(),
            })
        })
        .await
    }

    /// Disables the authenticator app of the caller's own account, by the password and a code.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn disable_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: DisableTotpInput,
    ) -> Result<DisableTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = payload_if_invalid(ctx, problems)? {
            return Ok(payload);
        }
        let password = input.current_password.0;
        let Some(attempt) = confirm_password(services, caller, account.id, password).await? else {
            let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
            return Ok((account, error).into());
        };
        let now = services.clock.now();
        let second = second_factor::of_account(&services.pool, &services.key, account.id, now).await?;
        let Some(second) = second.filter(|second| second.confirmed) else {
            return Ok((account, refused(caller, AccountError::TotpNotEnabled)).into());
        };
        let used = match second.fits(input.code.0.expose_secret(), now) {
            Some(code) => second.use_up(&services.pool, &services.key, &code, now).await?,
            None => false,
        };
        if !used {
            return Ok((account, refused(caller, AccountError::BadTotpCode)).into());
        }
        services.attempt_limiter.succeeded(attempt).await?;
        // Without the caller's key: a code is valid once.
        let context = command_context(ctx, None, None)?;
        let (services, caller) = (services.clone(), caller.clone());
        run_to_completion(async move {
            let result = tell(&services, "disableTotp", &account, context).await?;
            if result.refusal.is_none() && second_factor::remove(&services.pool, account.id).await? {
                warn(&services, &caller, &account).await?;
            }
            Ok(DisableTotpPayload {
                account: shown(account),
                position: result.position.map(Position),
                user_errors: user_errors(&services, &caller, &result),
            })
        })
        .await
    }
}

fn shown(account: accounts::Account) -> Option<Account> {
    Some(Account(Arc::new(account)))
}

/// Stores the event that the second factor changed, without details.
async fn tell(
    services: &Services,
    mutation: &'static str,
    account: &accounts::Account,
    context: event_store::CommandContext,
) -> Result<event_store::CommandResult, ApiError> {
    let step = Step::Update([AccountField::Totp].into());
    execute_in(services, ToAccount::new(mutation, account, step, services.clock.now()), context).await
}

/// Notifies the account's address. The change stands even if the mail limit is exceeded.
async fn warn(services: &Services, caller: &Caller, account: &accounts::Account) -> Result<(), ApiError> {
    match services.mail_queue.permit(Letter::TotpChanged, &account.email, caller.origin()).await {
        Ok(permit) => services.mail_queue.notify(permit, caller.lang),
        Err(accounts::AttemptError::TooMany(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
