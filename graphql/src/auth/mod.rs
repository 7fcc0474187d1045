//! Accounts and their sessions. Says who a caller is; what they may do is decided by `domain::access`.

mod account;
mod accounts;
mod authenticator;
mod brakes;
pub mod credentials;
mod first_director;
pub(crate) mod housekeeping;
mod key;
pub mod one_time;
mod password;
pub mod registration;
pub mod session;

pub(crate) use account::store_accounts_in;
pub use account::{Account, AuthError, account_by_email, accounts_by_ids, couriers_of, store_accounts};
pub use accounts::Accounts;
pub use authenticator::{Authenticator, Changed, LookupError, Session};
pub use brakes::{Attempt, BrakeError, BrakeLimits, Brakes};
pub use first_director::{InviteError, invite_first_director};
pub use key::{Hash, Key};
pub use password::{PasswordError, Passwords, Verified, hash_now};
pub use session::{end_token, issue_check_token, issue_token};
