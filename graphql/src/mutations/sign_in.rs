//! Sign-in by password. No answer reveals which e-mail addresses have an account, and
//! each takes the same time either way.

use std::sync::Arc;

use async_graphql::{Context, InputObject, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::account::{AccountError, EmailAddress};
use identity::accounts::credentials::Credentials;
use identity::accounts::session::{self, Issuer};
use identity::accounts::{self, PasswordMatch, SignInClaim, credentials, devices, second_factor};
use secrecy::{ExposeSecret, SecretString};

use super::account_steps::{refused, refused_at};
use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::field_access::open;
use crate::scalars::{Position, Secret};
use crate::types::account::Account;
use crate::types::user_error::UserError;

/// E-mail address and password.
#[derive(Debug, InputObject)]
pub struct SignInInput {
    /// E-mail address, in any case.
    pub email: String,
    /// The password.
    pub password: Secret,
    /// A code of the account's authenticator app or a recovery code, each valid once. Required after
    /// `TOTP_REQUIRED`.
    pub totp_code: Option<Secret>,
    /// The `deviceToken` of an earlier sign-in to this account: wrong passwords sent from other devices do
    /// not count against this device.
    pub device_token: Option<Secret>,
    /// Idempotency key (1–255 characters); ignored, since each sign-in opens a new session.
    pub idempotency_key: Option<String>,
}

/// The new session.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct SignInPayload {
    /// The bearer token, shown only here; `null` when refused.
    pub token: Option<String>,
    /// The end of the session, regardless of use; `null` when refused.
    pub expires_at: Option<DateTime<Utc>>,
    /// A token to store on this device and to send with the next sign-in; it does not authenticate by itself.
    pub device_token: Option<String>,
    /// The account; `null` when refused.
    pub account: Option<Account>,
    /// Always `null`: signing in is not an event.
    pub position: Option<Position>,
    /// `BAD_CREDENTIALS` for a wrong address or password alike; `TOTP_REQUIRED` or `BAD_TOTP_CODE` when the
    /// password is right and the account has an authenticator app.
    pub user_errors: Vec<UserError>,
}

impl SignInPayload {
    fn refused(error: UserError) -> Self {
        Self {
            token: None,
            expires_at: None,
            device_token: None,
            account: None,
            position: None,
            user_errors: vec![error],
        }
    }
}

/// An opened session.
pub(super) struct Opened {
    pub token: String,
    pub expires_at: DateTime<Utc>,
}

/// The proofs given to open a session.
pub(super) struct SignInProof {
    pub password: SecretString,
    /// The hash of the stored password, if it was just computed.
    pub computed: Option<String>,
    /// A code of the authenticator app, or a recovery code.
    pub totp_code: Option<SecretString>,
}

/// Opens a session for the right password and, if the account has an authenticator app, a valid code.
/// Rehashes a password hashed with weaker parameters, and remembers the client's address for the account.
///
/// # Errors
/// `OVERLOADED` when too many passwords are being hashed.
pub(super) async fn open_session(
    services: &Services,
    caller: &Caller,
    credentials: &Credentials,
    given: SignInProof,
) -> Result<Result<Opened, AccountError>, ApiError> {
    let SignInProof { password, computed, totp_code } = given;
    let stored = credentials.usable_hash();
    let mut anew = None;
    if stored.is_none() || stored != computed {
        match services.passwords.verify(password.clone(), stored.clone()).await? {
            PasswordMatch::No => return Ok(Err(AccountError::BadCredentials)),
            PasswordMatch::Yes => {}
            PasswordMatch::Outdated => anew = Some(services.passwords.hash(password).await?),
        }
    }
    let Some(hash) = stored else { return Ok(Err(AccountError::BadCredentials)) };
    let mut transaction = services.pool.begin().await?;
    if !credentials::still_lets_in(&mut transaction, credentials.id, &hash).await? {
        return Ok(Err(AccountError::BadCredentials));
    }
    let now = services.clock.now();
    let second = second_factor::of_account(&mut *transaction, &services.key, credentials.id, now).await?;
    if let Some(second) = second.filter(|second| second.confirmed) {
        let Some(code) = totp_code else { return Ok(Err(AccountError::TotpRequired)) };
        let code = second.fits(code.expose_secret(), now);
        let used = match &code {
            Some(code) => second.use_up(&mut *transaction, &services.key, code, now).await?,
            None => false,
        };
        if !used {
            return Ok(Err(AccountError::BadTotpCode));
        }
    }
    if let Some(anew) = anew {
        credentials::rehash(&mut *transaction, credentials.id, &anew).await?;
    }
    let (token, expires_at) =
        session::open(&mut *transaction, &services.key, credentials.id, Issuer::SignIn, now).await?;
    devices::remember(&mut *transaction, &services.key, credentials.id, caller.address, now).await?;
    transaction.commit().await?;
    Ok(Ok(Opened { token, expires_at }))
}

/// Sign-in.
#[derive(Debug, Default)]
pub struct SignInMutation;

/// Sign-in.
#[Object]
impl SignInMutation {
    /// Opens a session; its token is sent as `Authorization: Bearer`. A wrong address, a wrong password and a
    /// disabled account are all refused with `BAD_CREDENTIALS`. An account with an authenticator app also
    /// requires a code. An account has at most 20 sessions; a further sign-in ends the least recently used.
    /// Open to every caller.
    #[graphql(directive = open::apply())]
    async fn sign_in(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: SignInInput,
    ) -> Result<SignInPayload, ApiError> {
        let (services, caller) = (ctx.services()?, ctx.caller()?);
        let email = EmailAddress::parse(&input.email).ok();
        let found = match &email {
            Some(email) => credentials::of_email(&services.pool, email).await?,
            None => None,
        };
        let device = input.device_token.as_ref().map(|token| token.0.expose_secret());
        let claim = SignInClaim {
            email: email.as_ref().map_or("", EmailAddress::as_str),
            account: found.as_ref().map(|found| found.id),
            address: caller.address,
            device,
        };
        let attempt = services.attempt_limiter.sign_in(claim).await?;
        let Some(found) = found else {
            services.passwords.verify(input.password.0, None).await?;
            return Ok(SignInPayload::refused(refused(caller, AccountError::BadCredentials)));
        };
        let totp_code = input.totp_code.map(|code| code.0);
        let given = SignInProof { password: input.password.0, computed: None, totp_code };
        let opened = match open_session(services, caller, &found, given).await? {
            Ok(opened) => opened,
            Err(error @ (AccountError::TotpRequired | AccountError::BadTotpCode)) => {
                return Ok(SignInPayload::refused(refused_at(caller, error, "totpCode")));
            }
            Err(error) => return Ok(SignInPayload::refused(refused(caller, error))),
        };
        services.attempt_limiter.succeeded(attempt).await?;
        let device_token = devices::token(&services.key, found.id, device, services.clock.now());
        let account = accounts::accounts_by_ids(&services.pool, &[found.id]).await?.into_iter().next();
        Ok(SignInPayload {
            token: Some(opened.token),
            expires_at: Some(opened.expires_at),
            device_token: Some(device_token),
            account: account.map(|account| Account(Arc::new(account))),
            position: None,
            user_errors: Vec::new(),
        })
    }
}
