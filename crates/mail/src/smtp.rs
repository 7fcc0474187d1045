//! Mail by a mail server (RFC 5321), over TLS.

use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use super::{Mail, MailError, Mailer};

/// What is set for the mail server and is none.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// Not the URL of a mail server. What it holds is not shown: it may be a password.
    #[error("OCPIZZA_MANAGER_SMTP_URL: not a URL such as smtps://user:password@mail.example:465")]
    Url,
    /// Not an address.
    #[error("OCPIZZA_MANAGER_MAIL_FROM: not an address such as OC Pizza <no-reply@ocpizza.example>")]
    From,
}

/// A mail server, and whom mail is from.
#[derive(Clone)]
pub struct Smtp {
    server: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

impl std::fmt::Debug for Smtp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Smtp").finish_non_exhaustive()
    }
}

impl Smtp {
    /// From the URL of a server, and the address that mail is from. Connects only to send.
    ///
    /// # Errors
    /// [`SmtpError`] when one of them is none.
    pub fn new(url: &SecretString, from: &str) -> Result<Self, SmtpError> {
        let server = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.expose_secret())
            .map_err(|_| SmtpError::Url)?
            .build();
        Ok(Self { server, from: from.parse().map_err(|_| SmtpError::From)? })
    }
}

impl Mailer for Smtp {
    fn send(&self, mail: Mail) -> BoxFuture<'_, Result<(), MailError>> {
        Box::pin(async move {
            let to: Mailbox = mail.to.parse().map_err(|_| MailError::Address)?;
            let message = Message::builder()
                .from(self.from.clone())
                .to(to)
                .subject(mail.subject)
                .header(ContentType::TEXT_PLAIN)
                .body(mail.body)
                .map_err(|_| MailError::Address)?;
            match self.server.send(message).await {
                Ok(_) => Ok(()),
                // What the server says may hold the address: its code alone is shown.
                Err(error) => Err(error
                    .status()
                    .map_or(MailError::Unreachable, |code| MailError::Refused(code.to_string()))),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_set_wrongly_is_named_and_never_shown() {
        let new = |url: &str, from: &str| Smtp::new(&url.to_owned().into(), from);
        assert!(new("smtps://user:secret@mail.example:465", "OC Pizza <no-reply@ocpizza.example>").is_ok());
        let wrong = new("http://user:secret@mail.example", "no-reply@ocpizza.example").unwrap_err();
        assert!(matches!(wrong, SmtpError::Url) && !wrong.to_string().contains("secret"));
        assert!(matches!(new("smtp://mail.example", "nobody"), Err(SmtpError::From)));
        let debug = format!("{:?}", new("smtps://user:secret@mail.example", "a@b.example").unwrap());
        assert!(!debug.contains("secret"), "{debug}");
    }
}
