//! Mutations of the caller's own account: personal data, password, sessions, e-mail verification.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_graphql::{Context, InputObject, MaybeUndefined, Object, SimpleObject};
use domain::access::Permission;
use domain::account::{AccountError, AccountField, EmailAddress};
use domain::ids::ContactId;
use event_store::{CommandContext, CommandResult};
use identity::accounts::one_time::{self, Purpose};
use identity::accounts::registration::{self, AccountDetails, HomeAddress};
use identity::accounts::{self, credentials, session};
use mail::Letter;

use super::account_steps::{
    Step, ToAccount, check_new_password, confirm_password, own_account, refused, refused_at,
};
use super::run::{check_options, execute_in, run_to_completion, secret_context, user_errors};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::requires;
use crate::inputs::{AddressInput, ContactInput, NAME_MAX, Path, Problems};
use crate::scalars::{Position, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// Changes to the caller's account; omitted fields stay unchanged.
#[derive(Debug, InputObject)]
pub struct UpdateMyAccountInput {
    /// The account holder's name.
    pub name: Option<String>,
    /// E-mail address. A change requires `currentPassword` and a new verification, and is announced to the
    /// old address.
    pub email: Option<String>,
    /// Phone number; `null` clears it.
    pub phone: MaybeUndefined<String>,
    /// The complete postal address; `null` clears it.
    pub address: MaybeUndefined<AddressInput>,
    /// The current password. Required when the e-mail address changes, since that address can reset the
    /// password.
    pub current_password: Option<Secret>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
    /// The entity's version as last read; if it has changed, the command is refused with `STALE_VERSION`.
    pub expected_version: Option<i64>,
}

/// The current and the new password.
#[derive(Debug, InputObject)]
pub struct ChangePasswordInput {
    /// The current password.
    pub current_password: Secret,
    /// The new password: at least 10 characters, at most 256 bytes, and not easy to guess.
    pub new_password: Secret,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// The sessions to end.
#[derive(Debug, InputObject)]
pub struct SignOutInput {
    /// Whether to end every session of the account, or only that of this request.
    #[graphql(default)]
    pub everywhere: bool,
    /// Idempotency key (1–255 characters); ignored, since an ended session stays ended.
    pub idempotency_key: Option<String>,
}

/// A request for a verification mail to the account's e-mail address.
#[derive(Debug, InputObject)]
pub struct RequestEmailVerificationInput {
    /// Idempotency key (1–255 characters); ignored: each request sends a mail, and only the last token is
    /// valid.
    pub idempotency_key: Option<String>,
}

macro_rules! account_payloads {
    ($($(#[$doc:meta])* $name:ident,)+) => {$(
        $(#[$doc])*
        #[derive(Debug, SimpleObject)]
        #[graphql(directive = crate::field_access::open::apply())]
        pub struct $name {
            /// The account after the command.
            pub account: Option<Account>,
            /// Log position of the last event that was stored; `null` when nothing was stored.
            pub position: Option<Position>,
            /// Why the command was refused, all reasons at once; empty when it was accepted.
            pub user_errors: Vec<UserError>,
        }

        impl From<AccountResult> for $name {
            fn from(done: AccountResult) -> Self {
                let AccountResult { account, position, user_errors } = done;
                Self { account: account.map(|account| Account(Arc::new(account))), position, user_errors }
            }
        }
    )+};
}

account_payloads! {
    /// The updated account.
    UpdateMyAccountPayload,
    /// The account with its new password; its other sessions have ended.
    ChangePasswordPayload,
    /// The result of signing out.
    SignOutPayload,
    /// The result of requesting a verification mail.
    RequestEmailVerificationPayload,
}

/// The common content of these payloads.
struct AccountResult {
    account: Option<accounts::Account>,
    position: Option<Position>,
    user_errors: Vec<UserError>,
}

impl AccountResult {
    fn of(
        account: Option<accounts::Account>,
        services: &Services,
        caller: &Caller,
        result: &CommandResult,
    ) -> Self {
        let user_errors = user_errors(services, caller, result);
        Self { account, position: result.position.map(Position), user_errors }
    }
    fn refused(account: accounts::Account, error: UserError) -> Self {
        Self { account: Some(account), position: None, user_errors: vec![error] }
    }

    fn wrong(account: accounts::Account, problems: Problems, caller: &Caller) -> Self {
        Self { account: Some(account), position: None, user_errors: problems.user_errors(caller.lang) }
    }
}

/// Mutations of the caller's own account.
#[derive(Debug, Default)]
pub struct AccountMutation;

/// Mutations of the caller's own account.
#[Object]
impl AccountMutation {
    /// Changes the caller's personal data. A new e-mail address requires the current password, is unverified,
    /// and receives a mail with a token for `verifyEmail`.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn update_my_account(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: UpdateMyAccountInput,
    ) -> Result<UpdateMyAccountPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        let mut problems = Problems::default();
        let mut details = details(&mut problems, &input);
        check_options(&mut problems, input.idempotency_key.as_deref(), input.expected_version);
        if !problems.is_empty() {
            return Ok(AccountResult::wrong(account, problems, caller).into());
        }
        // Hashed with the server's key: personal data must not be guessable from the hash.
        let actor = caller.actor()?.clone();
        let context = secret_context(ctx, actor, input.idempotency_key, input.expected_version)?;
        let repeated = answered(services, &account, &context).await?;
        if !changed(&account, &details).contains(&AccountField::Email) {
            details.email = None;
        } else if !repeated {
            let Some(password) = input.current_password else {
                return Ok(
                    AccountResult::refused(account, refused(caller, AccountError::PasswordRequired)).into()
                );
            };
            let Some(attempt) = confirm_password(services, caller, account.id, password.0).await? else {
                let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
                return Ok(AccountResult::refused(account, error).into());
            };
            services.attempt_limiter.succeeded(attempt).await?;
        }
        let (services, caller) = (services.clone(), caller.clone());
        let updating = async move { update(&services, &caller, account, details, repeated, context).await };
        let done = run_to_completion(updating).await?;
        Ok(done.into())
    }

    /// Changes the password and ends the account's other sessions.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn change_password(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ChangePasswordInput,
    ) -> Result<ChangePasswordPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        let email = EmailAddress::parse(&account.email).map_err(ApiError::permanent)?;
        let mut problems = Problems::default();
        let name = &account.display_name;
        check_new_password(&mut problems, "newPassword", &input.new_password.0, Some(&email), name);
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if !problems.is_empty() {
            return Ok(AccountResult::wrong(account, problems, caller).into());
        }
        let context = secret_context(ctx, caller.actor()?.clone(), input.idempotency_key, None)?;
        if !answered(services, &account, &context).await? {
            let password = input.current_password.0;
            let Some(attempt) = confirm_password(services, caller, account.id, password).await? else {
                let error = refused_at(caller, AccountError::BadCredentials, "currentPassword");
                return Ok(AccountResult::refused(account, error).into());
            };
            services.attempt_limiter.succeeded(attempt).await?;
        }
        let hash = services.passwords.hash(input.new_password.0).await?;
        let (services, caller) = (services.clone(), caller.clone());
        let changing = async move { set_password(&services, &caller, account, &hash, context).await };
        Ok(run_to_completion(changing).await?.into())
    }

    /// Ends the session of this request, or every session of the account.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn sign_out(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: SignOutInput,
    ) -> Result<SignOutPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        if input.everywhere {
            session::end_all_of(&services.pool, account.id, None).await?;
        } else if let Some(session) = caller.session {
            session::end(&services.pool, session).await?;
        }
        Ok(AccountResult { account: Some(account), position: None, user_errors: Vec::new() }.into())
    }

    /// Sends a mail with a token for `verifyEmail` to the account's e-mail address.
    #[graphql(directive = requires::apply(Permission::ManageOwnAccount))]
    async fn request_email_verification(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: RequestEmailVerificationInput,
    ) -> Result<RequestEmailVerificationPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let account = own_account(services, caller).await?;
        // Only validates the key.
        let mut problems = Problems::default();
        check_options(&mut problems, input.idempotency_key.as_deref(), None);
        if !problems.is_empty() {
            return Ok(AccountResult::wrong(account, problems, caller).into());
        }
        if account.email_verified {
            let error = refused(caller, AccountError::AlreadyVerified);
            return Ok(AccountResult::refused(account, error).into());
        }
        let permit = services.mail_queue.permit(Letter::VerifyEmail, &account.email, caller.origin()).await?;
        let mut transaction = services.pool.begin().await?;
        let now = services.clock.now();
        // A token sent to the old address must not verify a new one.
        if !credentials::reached_at(&mut transaction, account.id, &account.email).await? {
            return Err(ApiError::Conflict);
        }
        let token =
            one_time::issue(&mut transaction, &services.key, account.id, Purpose::VerifyEmail, now).await?;
        transaction.commit().await?;
        services.mail_queue.send(permit, &token, caller.lang);
        Ok(AccountResult { account: Some(account), position: None, user_errors: Vec::new() }.into())
    }
}

/// Returns whether the command was already executed under its idempotency key.
async fn answered(
    services: &Services,
    account: &accounts::Account,
    context: &CommandContext,
) -> Result<bool, ApiError> {
    match &context.idempotency {
        Some(given) => Ok(services.store.has_answered(account.id, &given.key).await?),
        None => Ok(false),
    }
}

/// Reads the changes from the input.
fn details(problems: &mut Problems, input: &UpdateMyAccountInput) -> AccountDetails {
    let (phone, address) = (input.phone.clone(), input.address.clone());
    let given = ContactInput { name: None, phone: phone.take(), email: None, address: address.take() };
    let kept = problems.contact(Path::Input, ContactId(uuid::Uuid::nil()), Some(&given), None);
    let name = input.name.as_deref().and_then(|name| problems.text("name", name, NAME_MAX));
    let email = input.email.as_deref().and_then(|email| problems.email("email", email));
    let email = email.map(|email| email.as_str().to_owned());
    let address = (!input.address.is_undefined()).then_some(HomeAddress {
        street: kept.street,
        postcode: kept.postcode,
        city: kept.city,
        latitude: kept.latitude,
        longitude: kept.longitude,
    });
    let phone = (!input.phone.is_undefined()).then_some(kept.phone);
    AccountDetails { email, name, phone, address }
}

/// Returns the fields whose values change.
fn changed(account: &accounts::Account, details: &AccountDetails) -> BTreeSet<AccountField> {
    let AccountDetails { email, name, phone, address } = details;
    let home = HomeAddress {
        street: account.street.clone(),
        postcode: account.postcode.clone(),
        city: account.city.clone(),
        latitude: account.latitude,
        longitude: account.longitude,
    };
    let mut fields = BTreeSet::new();
    if email.as_ref().is_some_and(|email| *email != account.email) {
        fields.insert(AccountField::Email);
    }
    if name.as_ref().is_some_and(|name| *name != account.display_name) {
        fields.insert(AccountField::Name);
    }
    if phone.as_ref().is_some_and(|phone| *phone != account.phone) {
        fields.insert(AccountField::Phone);
    }
    if address.as_ref().is_some_and(|address| *address != home) {
        fields.insert(AccountField::Address);
    }
    fields
}

/// Stores the event, then the password; ends the account's other sessions.
async fn set_password(
    services: &Services,
    caller: &Caller,
    account: accounts::Account,
    hash: &str,
    context: CommandContext,
) -> Result<AccountResult, ApiError> {
    let step = Step::ChangePassword { reset: false };
    let to_account = ToAccount::new("changePassword", &account, step, services.clock.now());
    let result = execute_in(services, to_account, context).await?;
    if let Some(position) = result.accepted_at() {
        let mut transaction = services.pool.begin().await?;
        if credentials::change_password(&mut *transaction, account.id, hash, position).await? {
            session::end_all_of(&mut *transaction, account.id, caller.session).await?;
            one_time::end_all_of(&mut *transaction, account.id).await?;
        }
        transaction.commit().await?;
    }
    Ok(AccountResult::of(Some(account), services, caller, &result))
}

async fn update(
    services: &Services,
    caller: &Caller,
    account: accounts::Account,
    details: AccountDetails,
    repeated: bool,
    context: CommandContext,
) -> Result<AccountResult, ApiError> {
    let taken = |account| AccountResult::refused(account, refused(caller, AccountError::EmailTaken));
    let fields = changed(&account, &details);
    let mut permits = None;
    if let Some(email) = details.email.as_ref().filter(|_| !repeated) {
        let email = EmailAddress::parse(email).map_err(ApiError::permanent)?;
        let counted = services.attempt_limiter.look_up(caller.origin()).await?;
        if registration::holder_of(&services.pool, &email, &counted).await?.is_some() {
            return Ok(taken(account));
        }
        // Both mails must be permitted before anything changes: the old address must be notified.
        let warning = services.mail_queue.permit(Letter::Moved, &account.email, caller.origin()).await?;
        let letter = services.mail_queue.permit(Letter::VerifyEmail, email.as_str(), caller.origin()).await?;
        permits = Some((warning, letter));
    }
    let now = services.clock.now();
    let to_account = ToAccount::new("updateMyAccount", &account, Step::Update(fields), now);
    let result = execute_in(services, to_account, context).await?;
    let Some(position) = result.accepted_at() else {
        let user_errors = user_errors(services, caller, &result);
        return Ok(AccountResult { account: Some(account), position: None, user_errors });
    };
    let mut transaction = services.pool.begin().await?;
    let stored =
        match registration::change_details(&mut *transaction, account.id, &details, position, repeated).await
        {
            Ok(stored) => stored,
            // A concurrent command took the address; the event only names the changed fields.
            Err(error) if registration::is_taken(&error) => return Ok(taken(account)),
            Err(error) => return Err(error.into()),
        };
    let mut letters = None;
    if stored && let Some(permits) = permits {
        // Tokens sent to the old address become invalid.
        one_time::end_all_of(&mut *transaction, account.id).await?;
        let token =
            one_time::issue(&mut transaction, &services.key, account.id, Purpose::VerifyEmail, now).await?;
        letters = Some((permits, token));
    }
    transaction.commit().await?;
    if let Some(((warning, letter), token)) = letters {
        services.mail_queue.notify(warning, caller.lang);
        services.mail_queue.send(letter, &token, caller.lang);
    }
    let now_kept = accounts::accounts_by_ids(&services.pool, &[account.id]).await?.into_iter().next();
    Ok(AccountResult::of(now_kept, services, caller, &result))
}
