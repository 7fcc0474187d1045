//! Mail: a few words with a token, to somebody's address. Sent beside the request, few at once, and never
//! logged: neither the address nor the token. A mail needs a [`MailPermit`], which is counted for its address
//! and for the caller: no mutation sends mail past the limits.

mod directory;
mod letters;
mod smtp;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::BoxFuture;
use tokio::sync::Semaphore;

pub use directory::Directory;
pub use letters::Letter;
pub use smtp::{Smtp, SmtpError};

use identity::accounts::{AttemptError, AttemptLimiter, Origin};
use messages::labels::Lang;

/// Mails on their way at once.
const CONCURRENT_MAILS_MAX: usize = 4;
/// Mails on their way or waiting; beyond it, one is not sent.
const QUEUE_LENGTH_MAX: usize = 200;
/// Mails that [`Memory`] keeps.
const MEMORY_MAILS_MAX: usize = 1_000;

/// One mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The address that it goes to.
    pub to: String,
    /// What it is about.
    pub subject: String,
    /// Its text.
    pub body: String,
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail").field("subject", &self.subject).finish_non_exhaustive()
    }
}

/// Why a mail was not sent. Says nothing about whose it was.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// No mail can go to such an address.
    #[error("the address is none that mail goes to")]
    Address,
    /// It could not be written down.
    #[error("the mail could not be written: {0}")]
    File(std::io::ErrorKind),
    /// The mail server refused it, with this code.
    #[error("the mail server refused it with {0}")]
    Refused(String),
    /// The mail server did not answer, or not as one.
    #[error("the mail server does not answer")]
    Unreachable,
    /// Nothing is set up to send mail.
    #[error("OCPIZZA_MANAGER_SMTP_URL and OCPIZZA_MANAGER_MAIL_FROM are not set")]
    NotSet,
}

/// Something that sends mail.
pub trait Mailer: fmt::Debug + Send + Sync {
    /// Sends one.
    ///
    /// # Errors
    /// When it was not taken.
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>>;

    /// Removes what it keeps of mails to an address. What has left for somebody's mailbox is theirs.
    ///
    /// # Errors
    /// When something is left.
    fn forget(&self, _address: String) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// Keeps mails in memory, the latest thousand: for tests.
#[derive(Debug, Default)]
pub struct Memory(Mutex<Vec<Mail>>);

impl Memory {
    /// What was sent, in order.
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

/// Sends nothing, and says so: a production without a mail server.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoMail;

impl Mailer for NoMail {
    fn send(&self, _mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(std::future::ready(Err(MailError::NotSet)))
    }
}

/// How a process sends mail.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// By whom.
    pub mailer: Arc<dyn Mailer>,
    /// The address of the pages that links lead to, without a slash at its end; without it a mail shows the
    /// bare token.
    pub public_url: Option<String>,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { mailer: Arc::new(Memory::default()), public_url: None }
    }
}

/// Permission to send one letter to one address; it was counted.
#[must_use = "it was counted"]
pub struct MailPermit {
    letter: Letter,
    to: String,
}

impl fmt::Debug for MailPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailPermit").field("letter", &self.letter).finish_non_exhaustive()
    }
}

/// Sends mail beside the request. Cloning shares the bounds.
#[derive(Debug, Clone)]
pub struct MailQueue {
    limiter: AttemptLimiter,
    settings: MailSettings,
    at_once: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl MailQueue {
    /// By some settings, under the limits of some counts.
    pub fn new(settings: MailSettings, limiter: AttemptLimiter) -> Self {
        let (at_once, waiting) =
            (Arc::new(Semaphore::new(CONCURRENT_MAILS_MAX)), Arc::new(Semaphore::new(QUEUE_LENGTH_MAX)));
        Self { limiter, settings, at_once, waiting }
    }

    /// Permits a letter to an address, and counts it: for the address by the kind of letter, for the client's
    /// address, and for the account that is signed in.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`].
    pub async fn permit(&self, letter: Letter, to: &str, origin: Origin) -> Result<MailPermit, AttemptError> {
        self.limiter.mail(letter.kind(), to, origin).await?;
        Ok(MailPermit { letter, to: to.to_owned() })
    }

    /// Sends a letter with a token; returns at once. What is not sent is logged, and can be asked for again.
    pub fn send(&self, permit: MailPermit, token: &str, lang: Lang) {
        let MailPermit { letter, to } = permit;
        let (subject, body) = letter.text(self.settings.public_url.as_deref(), token, lang);
        self.enqueue(letter, Mail { to, subject, body });
    }

    /// Sends a letter that only tells something, with no token. Returns at once.
    pub fn notify(&self, permit: MailPermit, lang: Lang) {
        self.send(permit, "", lang);
    }

    fn enqueue(&self, letter: Letter, mail: Mail) {
        // Reserved for addresses that no mail reaches (RFC 2606).
        if mail.to.ends_with(".invalid") {
            return;
        }
        let letter = format!("{letter:?}");
        let Ok(place) = self.waiting.clone().try_acquire_owned() else {
            tracing::warn!(letter, "a mail was not sent: too many are waiting");
            return;
        };
        let (mailer, at_once) = (self.settings.mailer.clone(), self.at_once.clone());
        tokio::spawn(async move {
            let _turn = at_once.acquire_owned().await;
            if let Err(error) = mailer.send(mail).await {
                tracing::error!(letter, %error, "a mail was not sent");
            }
            drop(place);
        });
    }

    /// Removes what is kept of mails to somebody who is erased. A failure is logged: it is their erasure's
    /// least part, and of development only.
    pub async fn forget(&self, address: String) {
        if let Err(error) = self.settings.mailer.forget(address).await {
            tracing::error!(%error, "mails to somebody who was erased are still kept");
        }
    }
}
