//! The bounded queue of outgoing mails, and the permit that a mail needs.

use std::fmt;
use std::sync::Arc;

use identity::accounts::{AttemptError, AttemptLimiter, Origin};
use messages::labels::Lang;
use tokio::sync::Semaphore;

use crate::letters::Letter;
use crate::mailer::{Mail, Mailer, Memory};

/// Mails that are sent at the same time.
const CONCURRENT_MAILS_MAX: usize = 4;
/// Mails that are queued or being sent; a mail beyond this number is dropped.
const QUEUE_LENGTH_MAX: usize = 200;

/// Mailer and link base of a process.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// Mailer that sends.
    pub mailer: Arc<dyn Mailer>,
    /// Base URL of the pages that links open, without a final slash. If not set, a mail shows the bare token.
    pub public_url: Option<String>,
}

impl Default for MailSettings {
    fn default() -> Self {
        Self { mailer: Arc::new(Memory::default()), public_url: None }
    }
}

/// Permission to send one letter to one address. The mail is already counted.
#[must_use = "the mail is already counted"]
pub struct MailPermit {
    letter: Letter,
    to: String,
}

impl fmt::Debug for MailPermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailPermit").field("letter", &self.letter).finish_non_exhaustive()
    }
}

/// Queue that sends mail beside the request. Clones share the bounds.
#[derive(Debug, Clone)]
pub struct MailQueue {
    limiter: AttemptLimiter,
    settings: MailSettings,
    sending: Arc<Semaphore>,
    queued: Arc<Semaphore>,
}

impl MailQueue {
    /// Creates a queue whose permits `limiter` counts.
    pub fn new(settings: MailSettings, limiter: AttemptLimiter) -> Self {
        let sending = Arc::new(Semaphore::new(CONCURRENT_MAILS_MAX));
        Self { limiter, settings, sending, queued: Arc::new(Semaphore::new(QUEUE_LENGTH_MAX)) }
    }

    /// Counts a letter by address and kind, by client address and by signed-in account, and permits it.
    ///
    /// # Errors
    /// [`AttemptError::TooMany`] beyond a limit.
    pub async fn permit(&self, letter: Letter, to: &str, origin: Origin) -> Result<MailPermit, AttemptError> {
        self.limiter.mail(letter.kind(), to, origin).await?;
        Ok(MailPermit { letter, to: to.to_owned() })
    }

    /// Queues a letter with a token and returns at once. A failure is logged; the caller may request the mail again.
    pub fn send(&self, permit: MailPermit, token: &str, lang: Lang) {
        let MailPermit { letter, to } = permit;
        let (subject, body) = letter.text(self.settings.public_url.as_deref(), token, lang);
        self.enqueue(letter, Mail { to, subject, body });
    }

    /// Queues a letter without a token and returns at once.
    pub fn notify(&self, permit: MailPermit, lang: Lang) {
        self.send(permit, "", lang);
    }

    fn enqueue(&self, letter: Letter, mail: Mail) {
        // RFC 2606 reserves this domain: no mail reaches it.
        if mail.to.ends_with(".invalid") {
            return;
        }
        let letter = format!("{letter:?}");
        let Ok(place) = self.queued.clone().try_acquire_owned() else {
            tracing::warn!(letter, "a mail was not sent: the queue is full");
            return;
        };
        let (mailer, sending) = (self.settings.mailer.clone(), self.sending.clone());
        tokio::spawn(async move {
            let _turn = sending.acquire_owned().await;
            if let Err(error) = mailer.send(mail).await {
                tracing::error!(letter, %error, "a mail was not sent");
            }
            drop(place);
        });
    }

    /// Deletes the mailer's copies of mails to the address of an erased customer. A failure is only logged, because
    /// only the mailers of development keep copies.
    pub async fn forget(&self, address: String) {
        if let Err(error) = self.settings.mailer.forget(address).await {
            tracing::error!(%error, "copies of mails to an erased customer were not deleted");
        }
    }
}
