//! Accounts, credentials and sessions. Answers who a caller is; `domain::access` decides what the caller may do.

mod account;
mod address_release;
mod attempt_limiter;
mod authenticator;
pub mod credentials;
mod delivery_code;
pub mod devices;
mod first_director;
pub mod housekeeping;
pub mod one_time;
mod password;
mod password_strength;
mod reads;
pub mod registration;
pub mod second_factor;
mod second_factor_removal;
mod server_key;
pub mod session;

pub use account::{
    Account, AuthError, account_by_email, accounts_by_ids, couriers_of, store_accounts, store_accounts_in,
};
pub use address_release::{ReleaseError, release_unverified};
pub use attempt_limiter::{
    AddressLookUp, Attempt, AttemptError, AttemptLimiter, AttemptLimits, CardAttempt, DECLINES_PER_ACCOUNT,
    Origin, REFUSALS_PER_CUSTOMER, SignInClaim,
};
pub use authenticator::{AccessChange, Authenticator, LookupError, Session};
pub use first_director::{InviteError, invite_first_director};
pub use password::{PasswordError, PasswordMatch, Passwords, hash_now};
pub use password_strength::check_strength;
pub use reads::Accounts;
pub use second_factor_removal::{SecondFactorRemovalError, remove_second_factor};
pub use server_key::{Hash, SealError, ServerKey};
pub use session::{end_token, issue_check_token, issue_token};
