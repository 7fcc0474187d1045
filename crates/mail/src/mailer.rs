//! The contract of a mailer, and two mailers that send nothing.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

/// Mails that [`Memory`] keeps.
const MEMORY_MAILS_MAX: usize = 1_000;

/// A mail as plain text.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// Recipient's address.
    pub to: String,
    /// Subject line.
    pub subject: String,
    /// Text.
    pub body: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Reason why a mail was not sent. Never holds the address or the text.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The recipient's address is not valid for mail.
    #[error("the recipient's address is not a valid mail address")]
    Address,
    /// The mail directory or a file in it could not be read or written.
    #[error(
        "the mail directory cannot be read or written: {0}; check OCPIZZA_MANAGER_MAIL_DIR and its permissions"
    )]
    File(std::io::ErrorKind),
    /// The mail server refused the mail with this status code.
    #[error("the mail server refused the mail with status {0}")]
    Refused(String),
    /// The mail server did not answer, or answered without a status code.
    #[error("the mail server of OCPIZZA_MANAGER_SMTP_URL does not answer as a mail server")]
    Unreachable,
    /// No mailer is configured.
    #[error("OCPIZZA_MANAGER_SMTP_URL and OCPIZZA_MANAGER_MAIL_FROM are not set")]
    NotSet,
}

/// A service that sends mail.
pub trait Mailer: fmt::Debug + Send + Sync {
    /// Sends a mail.
    ///
    /// # Errors
    /// [`MailError`] when the mail was not accepted.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>>;

    /// Deletes this mailer's own copies of mails to an address. Delivered mails are not affected.
    ///
    /// # Errors
    /// [`MailError`] when a copy is left.
    fn forget(&self, _address: String) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Mailer for tests: keeps the latest thousand mails in memory.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Mail>>);

impl Memory {
    /// Returns the mails that were sent, oldest first.
    pub fn sent(&self) -> Vec<Mail> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Mailer for Memory {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            let mut sent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if sent.len() >= MEMORY_MAILS_MAX {
                sent.remove(0);
            }
            sent.push(mail);
            Ok(())
        })
    }

    fn forget(&self, address: String) -> BoxFuture<'_, Result<(), MailError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|mail| mail.to != address);
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Mailer of a production without a mail server: fails every mail with [`MailError::NotSet`].
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(std::future::ready(Err(MailError::NotSet)))
    }
}
