//! What the mutations of accounts share: the stream of an account, whoever's it is, and user errors about
//! what is kept outside the log.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::StreamId;
use domain::access::Role;
use domain::account::{AccountError, AccountField, EmailAddress};
use domain::customer::CustomerCommand;
use domain::ids::{CustomerId, StaffId};
use domain::staff::StaffCommand;
use domain::usecase::{Decision, Refusal, States, ToCustomer, ToStaff, UseCase};
use identity::accounts::{self, Attempt, PasswordMatch, check_strength, credentials};
use secrecy::{ExposeSecret, SecretString};
use uuid::{Builder, Uuid};

use super::run::fresh_id;
use crate::context::{Caller, Services};
use crate::error::ApiError;
use crate::inputs::Problems;
use crate::types::user_error::UserError;

/// What somebody does about their own account.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Some of what is kept of them has changed.
    Update(BTreeSet<AccountField>),
    /// The e-mail address is theirs.
    VerifyEmail,
    /// They have another password.
    ChangePassword {
        /// Set by a token that was sent by mail.
        reset: bool,
    },
}

/// A command to the stream of an account: a customer's, or a member of staff's.
#[derive(Debug)]
pub(super) enum ToAccount {
    Customer(ToCustomer),
    Staff(ToStaff),
}

impl ToAccount {
    /// `name` is the mutation's.
    pub fn new(name: &'static str, account: &accounts::Account, step: Step, now: DateTime<Utc>) -> Self {
        match account.role {
            Role::Customer => {
                let command = match step {
                    Step::Update(changed) => CustomerCommand::Update { changed, now },
                    Step::VerifyEmail => CustomerCommand::VerifyEmail { now },
                    Step::ChangePassword { reset } => CustomerCommand::ChangePassword { reset, now },
                };
                Self::Customer(ToCustomer { name, customer: CustomerId(account.id), command })
            }
            Role::Receptionist
            | Role::Pizzaiolo
            | Role::Courier
            | Role::Manager
            | Role::Director
            | Role::Auditor
            | Role::System => {
                let command = match step {
                    Step::Update(changed) => StaffCommand::UpdateAccount { changed, now },
                    Step::VerifyEmail => StaffCommand::VerifyEmail { now },
                    Step::ChangePassword { reset } => StaffCommand::ChangePassword { reset, now },
                };
                Self::Staff(ToStaff { name, staff: StaffId(account.id), command })
            }
        }
    }

    fn inner(&self) -> &dyn UseCase {
        match self {
            Self::Customer(use_case) => use_case,
            Self::Staff(use_case) => use_case,
        }
    }
}

impl UseCase for ToAccount {
    fn name(&self) -> &'static str {
        self.inner().name()
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        self.inner().streams(states)
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        self.inner().decide(states)
    }
}

/// Checks the present password of the caller's own account, counted for the session before it is computed.
/// `None` if it is wrong; else say that the attempt has succeeded once nothing is left to be guessed.
///
/// # Errors
/// `RATE_LIMITED`, `OVERLOADED`.
pub(super) async fn confirm_password(
    services: &Services,
    caller: &Caller,
    account: Uuid,
    password: SecretString,
) -> Result<Option<Attempt>, ApiError> {
    let attempt = services.attempt_limiter.confirm(account, caller.session).await?;
    let stored = credentials::of_account(&services.pool, account).await?;
    let stored = stored.and_then(|stored| stored.usable_hash());
    let verified = services.passwords.verify(password, stored).await?;
    Ok((verified != PasswordMatch::No).then_some(attempt))
}

/// Checks a password to be; where the address of its account cannot be read, by everything else.
pub(super) fn check_new_password(
    problems: &mut Problems,
    field: &str,
    password: &SecretString,
    email: Option<&EmailAddress>,
    name: &str,
) {
    let email = email.cloned().or_else(|| EmailAddress::parse("none@example.org").ok());
    let checked = email.map(|email| check_strength(password.expose_secret(), &email, name));
    if let Some(Err(error)) = checked {
        problems.refuse(field, error);
    }
}

/// A refusal about what is kept outside the log.
pub(super) fn refused(caller: &Caller, error: AccountError) -> UserError {
    UserError::new(&error.into(), caller.lang, Vec::new())
}

/// The same, for a field of the input that has another name.
pub(super) fn refused_at(caller: &Caller, error: AccountError, field: &str) -> UserError {
    UserError { field: Some(["input", field].map(str::to_owned).to_vec()), ..refused(caller, error) }
}

/// The id of an account that is to be: under an idempotency key, the same for the same address and key, so
/// that asking again finds it. The keys of people who have no account yet are told apart by their address.
pub(super) fn new_account_id(
    services: &Services,
    mutation: &str,
    email: &EmailAddress,
    idempotency_key: Option<&str>,
    now: DateTime<Utc>,
) -> Uuid {
    let Some(key) = idempotency_key else { return fresh_id(now) };
    let hash = services.key.hash(&format!("{mutation}\0{}\0{key}", email.as_str()));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}
