//! Authenticator apps of the caller's own account (RFC 6238): set up, confirmed by a first code, removed. Never
//! shows a secret again, and writes none into an event.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use domain::access::{Permission, Scope};
use domain::account::{AccountError, AccountField};
use identity::accounts;
use identity::accounts::second_factor::{self, FittingCode};
use mail::Letter;
use secrecy::ExposeSecret;

use super::account_steps::{Step, ToAccount, confirm_password, refused, refused_at};
use super::run::{check_options, command_context, execute_in, to_the_end, told, user_errors};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::inputs::Problems;
use crate::roles_directive::{requires, roles};
use crate::scalars::{Position, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// The password, to set up an authenticator app.
#[derive(Debug, InputObject)]
pub struct EnrolTotpInput {
    /// The present password.
    pub current_password: Secret,
    /// 1 to 255 characters; each enrolment has a secret of its own, whatever the key.
    pub idempotency_key: Option<String>,
}

/// The first code of an authenticator app.
#[derive(Debug, InputObject)]
pub struct ConfirmTotpInput {
    /// Six digits, as the app shows them now.
    pub code: Secret,
    /// 1 to 255 characters; recovery codes are shown once, whatever the key.
    pub idempotency_key: Option<String>,
}

/// The password and a code, to remove an authenticator app.
#[derive(Debug, InputObject)]
pub struct DisableTotpInput {
    /// The present password.
    pub current_password: Secret,
    /// A code of the app, or a recovery code.
    pub code: Secret,
    /// 1 to 255 characters; a removed app stays removed, whatever the key.
    pub idempotency_key: Option<String>,
}

/// A secret for an authenticator app. Signing in does not ask for it before `confirmTotp`.
#[derive(Debug, Default, SimpleObject)]
pub struct EnrolTotpPayload {
    /// The account as it is now.
    pub account: Option<Account>,
    /// The secret in base 32, to be typed into the app; shown once.
    pub secret: Option<String>,
    /// The same as an `otpauth:` URI, to be shown as a QR code; shown once.
    pub otpauth_uri: Option<String>,
    /// `null`: an enrolment that is not confirmed is no event.
    pub position: Option<Position>,
    /// Why not, when it was refused.
    pub user_errors: Vec<UserError>,
}

/// The authenticator app is set up: signing in asks for a code from now on.
#[derive(Debug, Default, SimpleObject)]
pub struct ConfirmTotpPayload {
    /// The account as it is now.
    pub account: Option<Account>,
    /// Ten codes for a lost app, each good once; shown once. `null` when refused.
    pub recovery_codes: Option<Vec<String>>,
    /// The position of the last event that was stored; `null` when nothing was.
    pub position: Option<Position>,
    /// Why not, when it was refused.
    pub user_errors: Vec<UserError>,
}

/// The authenticator app is removed.
#[derive(Debug, Default, SimpleObject)]
pub struct DisableTotpPayload {
    /// The account as it is now.
    pub account: Option<Account>,
    /// The position of the last event that was stored; `null` when nothing was.
    pub position: Option<Position>,
    /// Why not, when it was refused.
    pub user_errors: Vec<UserError>,
}

impl From<Vec<UserError>> for ConfirmTotpPayload {
    fn from(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}

impl From<Vec<UserError>> for DisableTotpPayload {
    fn from(user_errors: Vec<UserError>) -> Self {
        Self { user_errors, ..Self::default() }
    }
}

/// Authenticator apps.
#[derive(Debug, Default)]
pub struct TotpMutation;

/// Authenticator apps.
#[Object]
impl TotpMutation {
    /// Begins to set up an authenticator app for the caller's own account: a secret for the app. `confirmTotp`
    /// ends it; begun again before that, the secret is another one.
    #[graphql(directive = requires::apply(roles(Permission::ManageOwnAccount)))]
    async fn enrol_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password.")] input: EnrolTotpInput,
    ) -> Result<EnrolTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own(services, caller).await?;
        let refused_with = |account, error| EnrolTotpPayload {
            account: shown(account),
            user_errors: vec![error],
            ..EnrolTotpPayload::default()
        };
        let password = input.current_password.0;
        let Some(attempt) = confirm_password(services, caller, account.id, password).await? else {
            let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
            return Ok(refused_with(account, error));
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
            None => Ok(refused_with(account, refused(caller, AccountError::TotpEnabled))),
        }
    }

    /// Ends the set-up of an authenticator app by its first code. From then on `signIn` asks for a code.
    #[graphql(directive = requires::apply(roles(Permission::ManageOwnAccount)))]
    async fn confirm_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The first code.")] input: ConfirmTotpInput,
    ) -> Result<ConfirmTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own(services, caller).await?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = told(ctx, problems)? {
            return Ok(payload);
        }
        let refused_with = |account, error| ConfirmTotpPayload {
            account: shown(account),
            user_errors: vec![error],
            ..ConfirmTotpPayload::default()
        };
        let now = services.clock.now();
        let attempt = services.attempt_limiter.confirm(account.id, caller.session).await?;
        let second = second_factor::of_account(&services.pool, &services.key, account.id, now).await?;
        let Some(second) = second else {
            return Ok(refused_with(account, refused(caller, AccountError::TotpNotEnabled)));
        };
        if second.confirmed {
            return Ok(refused_with(account, refused(caller, AccountError::TotpEnabled)));
        }
        // A recovery code is none before there are some.
        let Some(FittingCode::Totp(step)) = second.fits(input.code.0.expose_secret(), now) else {
            return Ok(refused_with(account, refused(caller, AccountError::BadTotpCode)));
        };
        services.attempt_limiter.succeeded(attempt).await?;
        // Without the caller's key: the code can be used once.
        let context = command_context(ctx, None, None)?;
        let (services, caller) = (services.clone(), caller.clone());
        to_the_end(async move {
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

    /// Removes the authenticator app of the caller's own account, by the password and a code together.
    #[graphql(directive = requires::apply(roles(Permission::ManageOwnAccount)))]
    async fn disable_totp(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The password and a code.")] input: DisableTotpInput,
    ) -> Result<DisableTotpPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own(services, caller).await?;
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if let Some(payload) = told(ctx, problems)? {
            return Ok(payload);
        }
        let refused_with = |account, error| DisableTotpPayload {
            account: shown(account),
            user_errors: vec![error],
            ..DisableTotpPayload::default()
        };
        let password = input.current_password.0;
        let Some(attempt) = confirm_password(services, caller, account.id, password).await? else {
            let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
            return Ok(refused_with(account, error));
        };
        let now = services.clock.now();
        let second = second_factor::of_account(&services.pool, &services.key, account.id, now).await?;
        let Some(second) = second.filter(|second| second.confirmed) else {
            return Ok(refused_with(account, refused(caller, AccountError::TotpNotEnabled)));
        };
        let used = match second.fits(input.code.0.expose_secret(), now) {
            Some(code) => second.use_up(&services.pool, &services.key, &code, now).await?,
            None => false,
        };
        if !used {
            return Ok(refused_with(account, refused(caller, AccountError::BadTotpCode)));
        }
        services.attempt_limiter.succeeded(attempt).await?;
        // Without the caller's key: the code can be used once.
        let context = command_context(ctx, None, None)?;
        let (services, caller) = (services.clone(), caller.clone());
        to_the_end(async move {
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

/// The caller's account as stored.
async fn own(services: &Services, caller: &Caller) -> Result<accounts::Account, ApiError> {
    let id = caller.actor()?.id;
    caller.authorize(Permission::ManageOwnAccount, Scope::Account(id))?;
    let found = accounts::accounts_by_ids(&services.pool, &[id]).await?.into_iter().next();
    found.ok_or(ApiError::NotFound("account"))
}

fn shown(account: accounts::Account) -> Option<Account> {
    Some(Account(Arc::new(account)))
}

/// Stores that the second factor has changed; never how.
async fn tell(
    services: &Services,
    mutation: &'static str,
    account: &accounts::Account,
    context: event_store::CommandContext,
) -> Result<event_store::CommandResult, ApiError> {
    let step = Step::Update([AccountField::Totp].into());
    execute_in(services, ToAccount::new(mutation, account, step, services.clock.now()), context).await
}

/// Tells the account's address. What was changed stays so where too many mails were sent.
async fn warn(services: &Services, caller: &Caller, account: &accounts::Account) -> Result<(), ApiError> {
    match services.mail_queue.permit(Letter::TotpChanged, &account.email, caller.origin()).await {
        Ok(permit) => services.mail_queue.notify(permit, caller.lang),
        Err(accounts::AttemptError::TooMany(_)) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(())
}
