//! Accounts and their sessions. Says who a caller is; what they may do is decided by `domain::access`.

mod account;
mod authenticator;
mod key;
mod session;

pub use account::{Account, AuthError, account_by_email, accounts_by_ids, couriers_of, store_accounts};
pub use authenticator::Authenticator;
pub use key::Key;
pub use session::issue_token;
