//! Settings that cannot be used.

use http_api::origins::NoOrigin;
use http_api::persisted_documents::DocumentsError;
use mail::SmtpError;
use transparency::BadKey;

use super::SETTINGS;
use super::connections::TooFew;
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
    #[error("{name} cannot be used: {why}")]
    Variable {
        /// Which one.
        name: &'static str,
        /// Why.
        why: String,
    },
    /// The file is no TOML.
    #[error(
        "line {line}{key} of {path}, which {SETTINGS} names, is not TOML: write key = \"value\", and the value of a text \
         between quotes"
    )]
    NotToml {
        /// Which file.
        path: String,
        /// Where, from 1.
        line: usize,
        /// The key of that line in brackets, if it is a setting.
        key: String,
    },
    /// The file has a key that no setting has.
    #[error("line {line} of {path}, which {SETTINGS} names, has a key that is no setting{key}")]
    UnknownKey {
        /// Which file.
        path: String,
        /// Where, from 1.
        line: usize,
        /// The key, if it can be shown.
        key: String,
    },
    /// A value of the file is not what it must be.
    #[error("{key} cannot be used (line {line} of {path}, which {SETTINGS} names): {why}")]
    Key {
        /// Which file.
        path: String,
        /// Where, from 1.
        line: usize,
        /// The key.
        key: String,
        /// Why.
        why: String,
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
    /// Idempotency keys are to be kept for too short or too long.
    #[error("OCPIZZA_MANAGER_IDEMPOTENCY_HOURS must be from 24 to 8760, not {0}")]
    IdempotencyHours(u32),
    /// Nothing could be executed.
    #[error("settings: OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE is only, and there are no trusted documents")]
    NothingTrusted,
}
