//! Settings that cannot be used.

use config::ConfigError;
use event_store::merkle::BadKey;

use super::SETTINGS;
use super::connections::TooFew;
use crate::http::documents::DocumentsError;
use crate::http::origins::NoOrigin;
use crate::mail::SmtpError;
use crate::sealing::BadDestination;

/// Settings that cannot be used; the message names the setting, and never its value when it is secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {path}, which {SETTINGS} names: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// A key that would be accepted for ever, or one that follows none.
    #[error(
        "OCPIZZA_MANAGER_KEY_PREVIOUS needs OCPIZZA_MANAGER_KEY, and OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL to say until when"
    )]
    PreviousKey,
    /// A variable is not what it must be.
    #[error("{name} cannot be used: {source}")]
    Variable {
        /// Which one.
        name: &'static str,
        /// Why.
        source: ConfigError,
    },
    /// The file is no TOML, has a key that no setting has, or a value is not what it must be.
    #[error("the settings of {path}, which {SETTINGS} names, cannot be used: {source}")]
    File {
        /// Which file.
        path: String,
        /// Why.
        source: ConfigError,
    },
    /// Too few connections for so many processes.
    #[error(transparent)]
    Connections(#[from] TooFew),
    /// One of the origins is none.
    #[error(transparent)]
    Origin(#[from] NoOrigin),
    /// The trusted documents cannot be used.
    #[error(transparent)]
    Documents(#[from] DocumentsError),
    /// The mail server cannot be used.
    #[error(transparent)]
    Mail(#[from] SmtpError),
    /// A mail server without an address that mail is from.
    #[error("OCPIZZA_MANAGER_SMTP_URL needs OCPIZZA_MANAGER_MAIL_FROM")]
    NoSender,
    /// The key that heads are signed with is none.
    #[error("OCPIZZA_MANAGER_SIGNING_KEY: {0}")]
    SigningKey(#[source] BadKey),
    /// One of the keys before it is none.
    #[error("OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED: {0}")]
    RetiredKey(#[source] BadKey),
    /// Heads cannot be published there.
    #[error("OCPIZZA_MANAGER_HEADS_TO: {0}")]
    HeadsTo(#[source] BadDestination),
    /// Nothing could be executed.
    #[error("settings: OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE is only, and there are no trusted documents")]
    NothingTrusted,
}
