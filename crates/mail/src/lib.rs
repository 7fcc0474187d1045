//! Mail to accounts: short letters, most with a one-time token. Sends beside the request and never logs an address or
//! a token. A mail needs a [`MailPermit`], which counts it for its address and its caller, so that no mutation sends
//! mail beyond the limits.
//!
//! Start at [`MailQueue`]; a [`Mailer`] delivers by SMTP or into a directory. May depend on `identity` and `messages`.

mod directory;
mod letters;
mod mailer;
mod queue;
mod smtp;

pub use directory::Directory;
pub use letters::Letter;
pub use mailer::{Mail, MailError, Mailer, Memory, NoMail};
pub use queue::{MailPermit, MailQueue, MailSettings};
pub use smtp::{Smtp, SmtpError};
