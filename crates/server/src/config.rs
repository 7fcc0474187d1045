//! Settings of a process: the environment, over an optional TOML file. Secrets are wrapped, and never shown or logged.

use std::path::PathBuf;
use std::sync::Arc;

use graphql::introspection::Introspection;
use http_api::admission::StreamLimits;
use http_api::browser::Hardening;
use http_api::origins::AllowedOrigins;
use http_api::persisted_documents::{Mode, PersistedDocuments};
use http_api::rate_limit::RateLimits;
use identity::accounts::{AttemptLimits, ServerKey};
use mail::{Directory, MailSettings, Mailer, NoMail, Smtp};
use projections::HeadsTo;
use secrecy::ExposeSecret;
use telemetry::metrics::MetricsAccess;

use crate::destination::destination;

mod connections;
mod error;
mod layers;
mod masking;
mod table;
mod value;

pub use connections::{CONNECTIONS_BESIDE_POOL, TooFewConnections};
pub use error::SettingsError;
use layers::Layers;
pub use layers::Source;
pub use table::{CONTACT_RETENTION_DAYS, Environment, IDEMPOTENCY_HOURS, Settings};
use table::{MAIL_DIR, SETTINGS};

/// One setting as it takes effect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The variable.
    pub name: &'static str,
    /// Its value, with secrets masked.
    pub value: String,
    /// Where the value comes from.
    pub source: Source,
}

impl Settings {
    /// Reads the settings of this process.
    ///
    /// # Errors
    /// [`SettingsError`] when one cannot be used.
    pub fn load() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// Reads settings from variables. An empty variable counts as not set.
    ///
    /// # Errors
    /// [`SettingsError`] when one cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        Self::from_layers(&Layers::of(variable)?)
    }

    fn from_layers(layers: &Layers) -> Result<Self, SettingsError> {
        let settings = Self::read(|setting| Ok(layers.given(setting)?.map(|(given, _)| given)))?;
        if settings.key_previous.is_some()
            && (settings.key.is_none() || settings.key_previous_until.is_none())
        {
            return Err(SettingsError::PreviousKey);
        }
        Ok(settings)
    }

    /// Returns each setting of this process with its source, secrets masked.
    ///
    /// # Errors
    /// [`SettingsError`] when one cannot be used.
    pub fn effective() -> Result<Vec<Effective>, SettingsError> {
        let layers = Layers::of(|name| std::env::var(name).ok())?;
        let settings = Self::from_layers(&layers)?;
        let effective = |setting: &table::Setting| {
            Ok(match layers.given(setting)? {
                Some((given, source)) => {
                    Effective { name: setting.name, value: setting.secrecy.show(&given.text), source }
                }
                None => {
                    let value = (setting.default)(&settings).into_owned();
                    Effective { name: setting.name, value, source: Source::Default }
                }
            })
        };
        SETTINGS.iter().map(effective).collect()
    }

    /// Returns the size of this process's pool of database connections.
    ///
    /// # Errors
    /// [`TooFewConnections`] for the processes.
    pub fn pool_size(&self) -> Result<u32, SettingsError> {
        Ok(connections::pool_size(self.database_connections, self.processes)?)
    }

    /// Returns the key under which tokens are hashed; `None` if the database keeps it, in development.
    pub fn signing_key(&self) -> Option<ServerKey> {
        let present = self.key.as_ref()?;
        Some(match (&self.key_previous, self.key_previous_until) {
            (Some(previous), Some(until)) => ServerKey::rotated(present, previous, until),
            _ => ServerKey::new(present),
        })
    }

    /// Returns the limits of attempts to sign in, to sign up and to cause mails.
    pub fn attempt_limits(&self) -> AttemptLimits {
        let usual = AttemptLimits::default();
        AttemptLimits {
            sign_in_per_account: self.sign_in_per_account.unwrap_or(usual.sign_in_per_account),
            sign_in_per_address: self.sign_in_per_address.unwrap_or(usual.sign_in_per_address),
            sign_up_per_address: self.sign_up_per_address.unwrap_or(usual.sign_up_per_address),
            mail_per_account: self.mail_per_account.unwrap_or(usual.mail_per_account),
            mail_per_address: self.mail_per_address.unwrap_or(usual.mail_per_address),
        }
    }

    /// Returns the rate limits of accounts and addresses; development has none by default.
    pub fn rates(&self) -> RateLimits {
        let usual = match self.environment {
            Environment::Production => RateLimits::PRODUCTION,
            Environment::Development => RateLimits::OFF,
        };
        RateLimits {
            account: self.rate_per_account.unwrap_or(usual.account),
            address: self.rate_per_address.unwrap_or(usual.address),
        }
    }

    /// Returns the limits of WebSockets, event streams and subscriptions.
    pub fn streams(&self) -> StreamLimits {
        let usual = StreamLimits::default();
        let given = |most: Option<u32>, usual: usize| most.map_or(usual, |most| most as usize);
        StreamLimits {
            subscriptions_per_customer: given(
                self.subscriptions_per_customer,
                usual.subscriptions_per_customer,
            ),
            subscriptions_per_employee: given(
                self.subscriptions_per_employee,
                usual.subscriptions_per_employee,
            ),
            ..usual
        }
    }

    /// Returns the security headers' mode: in production, browsers are told to use HTTPS only.
    pub fn hardening(&self) -> Hardening {
        Hardening { https_only: self.environment == Environment::Production }
    }

    /// Returns the roles that may use introspection; by default every caller in development, no caller in production.
    pub fn introspection(&self) -> Introspection {
        self.introspection.clone().unwrap_or_else(|| match self.environment {
            Environment::Production => Introspection::disabled(),
            Environment::Development => Introspection::EveryCaller,
        })
    }

    /// Returns who may read the metrics: callers with the token; without a token, every caller in development only.
    pub fn metrics_readers(&self) -> MetricsAccess {
        match (&self.metrics_token, self.environment) {
            (Some(token), _) => MetricsAccess::Token(token.clone()),
            (None, Environment::Production) => MetricsAccess::Disabled,
            (None, Environment::Development) => MetricsAccess::Public,
        }
    }

    /// Returns whether GraphiQL is served; by default in development only.
    pub fn graphiql(&self) -> bool {
        self.graphiql.unwrap_or(self.environment == Environment::Development)
    }

    /// Returns the origins of pages that may call the API; in development also those of this machine.
    pub fn origins(&self) -> AllowedOrigins {
        match self.environment {
            Environment::Production => self.allowed_origins.clone(),
            Environment::Development => self.allowed_origins.clone().and_localhost(),
        }
    }

    /// Returns how mail is sent: by the mail server; without one, into files in development, not at all in production.
    ///
    /// # Errors
    /// [`SettingsError`] when the mail server or the sender cannot be used.
    pub fn mail(&self) -> Result<MailSettings, SettingsError> {
        let mailer: Arc<dyn Mailer> = match (&self.smtp_url, &self.mail_from, self.environment) {
            (Some(url), Some(from), _) => Arc::new(Smtp::new(url, from)?),
            (Some(_), None, _) => return Err(SettingsError::NoSender),
            (None, _, Environment::Production) => Arc::new(NoMail),
            (None, _, Environment::Development) => {
                let directory = self.mail_dir.clone();
                Arc::new(Directory::new(directory.unwrap_or_else(|| PathBuf::from(MAIL_DIR))))
            }
        };
        Ok(MailSettings { mailer, public_url: self.public_url.clone() })
    }

    /// Returns where heads of the log are published, if a destination is set.
    ///
    /// # Errors
    /// [`SettingsError`] when they cannot be published there.
    pub fn heads_destination(&self) -> Result<Option<Arc<dyn HeadsTo>>, SettingsError> {
        let to = self.heads_to.as_ref().map(|to| destination(to.expose_secret()));
        to.transpose().map_err(SettingsError::HeadsTo)
    }

    /// Returns the documents that requests may name instead of sending them.
    ///
    /// # Errors
    /// [`SettingsError`] when the trusted documents cannot be used.
    pub fn documents(&self) -> Result<PersistedDocuments, SettingsError> {
        match (&self.trusted_documents, self.trusted_documents_mode) {
            (Some(path), mode) => Ok(PersistedDocuments::load(path, mode)?),
            (None, Mode::Allow) => Ok(PersistedDocuments::default()),
            (None, Mode::Only) => Err(SettingsError::NoTrustedDocuments),
        }
    }
}

#[cfg(test)]
mod tests;
