//! Mailer that sends by SMTP (RFC 5321) over TLS.

use futures_util::future::BoxFuture;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};

use crate::mailer::{Mail, MailError, Mailer};

/// A setting of the mail server that is not valid.
#[derive(Debug, thiserror::Error)]
pub enum SmtpError {
    /// The URL is not one of a mail server. The message does not show it, because it may hold a password.
    #[error("OCPIZZA_MANAGER_SMTP_URL must be a URL such as smtps://user:password@mail.example:465")]
    Url,
    /// The sender is not a mail address.
    #[error("OCPIZZA_MANAGER_MAIL_FROM must be an address such as OC Pizza <no-reply@ocpizza.example>")]
    From,
}

/// Mail server and sender.
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
    /// Parses the server's URL and the sender's address. Connects only to send.
    ///
    /// # Errors
    /// [`SmtpError`] when one of them is not valid.
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
                // The server's text may hold the address: keep only the status code.
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
    async fn errors_name_the_setting_and_hide_its_value() {
        let new = |url: &str, from: &str| Smtp::new(&url.to_owned().into(), from);
        assert!(new("smtps://user:secret@mail.example:465", "OC Pizza <no-reply@ocpizza.example>").is_ok());
        let wrong = new("http://user:secret@mail.example", "no-reply@ocpizza.example").unwrap_err();
        assert!(matches!(wrong, SmtpError::Url) && !wrong.to_string().contains("secret"));
        assert!(matches!(new("smtp://mail.example", "nobody"), Err(SmtpError::From)));
        let debug = format!("{:?}", new("smtps://user:secret@mail.example", "a@b.example").unwrap());
        assert!(!debug.contains("secret"), "{debug}");
    }
}
