//! Settings that cannot be used.

use http_api::persisted_documents::PersistedDocumentsError;
use mail::SmtpError;

use super::connections::TooFewConnections;
use crate::destination::BadDestination;

/// The variable that names the settings file.
pub(super) const SETTINGS_FILE: &str = "OCPIZZA_MANAGER_SETTINGS";

/// Settings that cannot be used. The message names the input, the rule and the fix, and never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("cannot read {path}, which {SETTINGS_FILE} names: {source}")]
    Unreadable {
        /// Path of the file.
        path: String,
        /// Reason of the system.
        source: std::io::Error,
    },
    /// The settings file is not TOML.
    #[error("line {line}{key} of {path}, which {SETTINGS_FILE} names, must be TOML: write key = \"value\"")]
    NotToml {
        /// Path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// The key of that line in brackets, if it is a setting.
        key: String,
    },
    /// The settings file has a key that is not a setting.
    #[error("line {line} of {path}, which {SETTINGS_FILE} names, has a key that is not a setting{key}")]
    UnknownKey {
        /// Path of the file.
        path: String,
        /// Line, from 1.
        line: usize,
        /// The key, if it can be shown, and the setting that is most like it.
        key: String,
    },
    /// A value breaks its setting's rule.
    #[error("{input} must be {rule}, {given}")]
    Invalid {
        /// The variable, or the key of the file and its line.
        input: String,
        /// What it must be.
        rule: String,
        /// The value, if it can be shown.
        given: String,
    },
    /// A previous key without its end would be accepted for ever.
    #[error(
        "OCPIZZA_MANAGER_KEY_PREVIOUS needs OCPIZZA_MANAGER_KEY and OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL: set both, \
         or unset it"
    )]
    PreviousKey,
    /// The database grants too few connections for the processes.
    #[error(transparent)]
    Connections(#[from] TooFewConnections),
    /// The trusted documents cannot be used.
    #[error("OCPIZZA_MANAGER_TRUSTED_DOCUMENTS: {0}")]
    Documents(#[from] PersistedDocumentsError),
    /// The mail server cannot be used.
    #[error(transparent)]
    Mail(#[from] SmtpError),
    /// A mail server is set, but no sender.
    #[error("OCPIZZA_MANAGER_SMTP_URL needs OCPIZZA_MANAGER_MAIL_FROM: set the sender of mails")]
    NoSender,
    /// Heads cannot be published to the destination.
    #[error("OCPIZZA_MANAGER_HEADS_TO {0}")]
    HeadsTo(#[source] BadDestination),
    /// Only trusted documents are executed, and none are set.
    #[error(
        "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS must be set when OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE is only"
    )]
    NoTrustedDocuments,
}
