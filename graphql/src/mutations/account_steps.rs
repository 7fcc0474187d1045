//! Steps shared by the mutations of accounts: the account's stream, and user errors about data outside the
//! log.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::StreamId;
use domain::access::{Permission, Role, Scope};
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

/// A change that an account holder makes.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Changes personal data.
    Update(BTreeSet<AccountField>),
    /// Verifies the e-mail address.
    VerifyEmail,
    /// Changes the password.
    ChangePassword {
        /// Whether a mailed token authorized the change.
        reset: bool,
    },
}

/// A command to an account's stream, that of a customer or of a member of staff.
#[derive(Debug)]
pub(super) enum ToAccount {
    Customer(ToCustomer),
    Staff(ToStaff),
}

impl ToAccount {
    /// Creates the command; `name` is the mutation's.
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

/// Loads the caller's account from the database.
pub(super) async fn own_account(services: &Services, caller: &Caller) -> Result<accounts::Account, ApiError> {
    let id = caller.actor()?.id;
    caller.authorize(Permission::ManageOwnAccount, Scope::Account(id))?;
    let found = accounts::accounts_by_ids(&services.pool, &[id]).await?.into_iter().next();
    found.ok_or(ApiError::NotFound("account"))
}

/// Checks the current password of the caller's own account; the session's attempt is counted before the hash
/// is computed. Returns `None` if the password is wrong; otherwise the attempt, to be marked as successful
/// once nothing is left to guess.
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

/// Checks a new password; if the account's address is unreadable, all rules but the comparison with it.
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

/// Returns the user error of a refusal about data outside the log.
pub(super) fn refused(caller: &Caller, error: AccountError) -> UserError {
    UserError::new(&error.into(), caller.lang, Vec::new())
}

/// Returns the same for a field of the input with another name.
pub(super) fn refused_at(caller: &Caller, error: AccountError, field: &str) -> UserError {
    UserError { field: Some(["input", field].map(str::to_owned).to_vec()), ..refused(caller, error) }
}

/// Returns the id of a new account. With an idempotency key it is derived from address and key, so that a
/// repeated command finds the account; keys of anonymous callers are distinguished by their address.
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
