//! What a process is told by its surroundings: the environment, over an optional TOML file. Secrets are
//! wrapped, and never shown or logged.

use std::fmt::Display;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use graphql::introspection::Introspection;
use http_api::admission::StreamLimits;
use http_api::browser::Hardening;
use http_api::client_address::TrustedProxies;
use http_api::origins::AllowedOrigins;
use http_api::persisted_documents::{Documents, Mode};
use http_api::rate_limit::{RateLimit, RateLimits};
use identity::accounts::{AttemptLimits, ServerKey};
use mail::{Directory, MailSettings, Mailer, NoMail, Smtp};
use projections::HeadsTo;
use secrecy::{ExposeSecret, SecretString};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use telemetry::metrics::Readers;
use transparency::{PublicKey, SealingKey};

use crate::sealing;

mod connections;
mod effective;
mod error;
mod layers;

pub use connections::{BESIDE as BESIDE_THE_POOL, TooFew};
pub use effective::{Effective, Source};
pub use error::SettingsError;
use layers::Layers;

/// The variable that names the settings file.
const SETTINGS: &str = "OCPIZZA_MANAGER_SETTINGS";
/// The variables, which are also the file's keys, in lower case. What one is when nobody says so is told in
/// `effective.rs`.
const VARIABLES: &[&str] = &[
    "DATABASE_URL",
    "ENV",
    "OCPIZZA_MANAGER_ALLOWED_ORIGINS",
    "OCPIZZA_MANAGER_GRAPHIQL",
    "OCPIZZA_MANAGER_CONNECTIONS_PER_ADDRESS",
    "OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS",
    "OCPIZZA_MANAGER_HEADS_TO",
    "OCPIZZA_MANAGER_IDEMPOTENCY_HOURS",
    "OCPIZZA_MANAGER_DATABASE_CONNECTIONS",
    "OCPIZZA_MANAGER_INTROSPECTION",
    "OCPIZZA_MANAGER_KEY",
    "OCPIZZA_MANAGER_KEY_PREVIOUS",
    "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL",
    "OCPIZZA_MANAGER_MAIL_PER_ACCOUNT",
    "OCPIZZA_MANAGER_MAIL_PER_ADDRESS",
    "OCPIZZA_MANAGER_PROCESSES",
    "OCPIZZA_MANAGER_RATE_PER_ACCOUNT",
    "OCPIZZA_MANAGER_RATE_PER_ADDRESS",
    "OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT",
    "OCPIZZA_MANAGER_SIGN_IN_PER_ADDRESS",
    "OCPIZZA_MANAGER_SIGN_UP_PER_ADDRESS",
    "OCPIZZA_MANAGER_SIGNING_KEY",
    "OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED",
    "OCPIZZA_MANAGER_MAIL_DIR",
    "OCPIZZA_MANAGER_MAIL_FROM",
    "OCPIZZA_MANAGER_METRICS_TOKEN",
    "OCPIZZA_MANAGER_PUBLIC_URL",
    "OCPIZZA_MANAGER_SMTP_URL",
    "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER",
    "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_EMPLOYEE",
    "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS",
    "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE",
    "OCPIZZA_MANAGER_TRUSTED_PROXIES",
    "PORT",
];
/// Where the API listens when nothing is said.
const DEFAULT_PORT: u16 = 8080;
/// Where mails are written to in development.
const MAIL_DIR: &str = ".ocpizza/mail";
/// How many days a contact is kept after its order when nothing is said.
pub const CONTACT_RETENTION_DAYS: u32 = 90;
/// How many hours an idempotency key is kept at least when nothing is said.
pub const IDEMPOTENCY_HOURS: u32 = 72;
/// The fewest and the most hours that can be set: clients repeat for a day, and a year's keys are no small table.
const IDEMPOTENCY_HOURS_BOUNDS: std::ops::RangeInclusive<u32> = 24..=8_760;

/// How many connections the database grants when nothing is said: those of the manual's plan.
pub const DATABASE_CONNECTIONS: u32 = 20;

/// Upper bounds of settings: far above what is of use, and below what no process could keep.
const MAX_ATTEMPTS: u32 = 1_000_000;
const MAX_DATABASE_CONNECTIONS: u32 = 10_000;
const MAX_OPEN: u32 = 1_000_000;
const MAX_PROCESSES: u32 = 1_000;
const MAX_RETENTION_DAYS: u32 = 3_650;

/// Where a process runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Environment {
    /// With customers: logs are JSON, and a key must be given.
    Production,
    /// On somebody's machine.
    #[default]
    Development,
}

/// The settings of a process.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `DATABASE_URL`: which may hold a password.
    pub database_url: Option<SecretString>,
    /// `PORT`: where the API listens.
    #[serde(default = "default_port")]
    pub port: u16,
    /// `OCPIZZA_MANAGER_KEY`: the key that the tokens of sessions are stored under.
    #[serde(rename = "ocpizza_manager_key")]
    pub key: Option<SecretString>,
    /// `OCPIZZA_MANAGER_KEY_PREVIOUS`: the key before it, accepted for a while.
    #[serde(rename = "ocpizza_manager_key_previous")]
    pub key_previous: Option<SecretString>,
    /// `OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL`: until when, in RFC 3339.
    #[serde(rename = "ocpizza_manager_key_previous_until")]
    pub key_previous_until: Option<DateTime<Utc>>,
    /// `OCPIZZA_MANAGER_TRUSTED_PROXIES`: networks of the proxies in front of the process, in CIDR
    /// notation, with commas between.
    #[serde(default, rename = "ocpizza_manager_trusted_proxies", deserialize_with = "parsed")]
    pub trusted_proxies: TrustedProxies,
    /// `OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT`: failures to sign in to one account in fifteen minutes.
    #[serde(
        default,
        rename = "ocpizza_manager_sign_in_per_account",
        deserialize_with = "if_within::<_, 1, MAX_ATTEMPTS>"
    )]
    pub sign_in_per_account: Option<u32>,
    /// `OCPIZZA_MANAGER_SIGN_IN_PER_ADDRESS`: and from one address.
    #[serde(
        default,
        rename = "ocpizza_manager_sign_in_per_address",
        deserialize_with = "if_within::<_, 1, MAX_ATTEMPTS>"
    )]
    pub sign_in_per_address: Option<u32>,
    /// `OCPIZZA_MANAGER_SIGN_UP_PER_ADDRESS`: accounts made from one address in fifteen minutes.
    #[serde(
        default,
        rename = "ocpizza_manager_sign_up_per_address",
        deserialize_with = "if_within::<_, 1, MAX_ATTEMPTS>"
    )]
    pub sign_up_per_address: Option<u32>,
    /// `OCPIZZA_MANAGER_MAIL_PER_ACCOUNT`: mails asked for to one account in fifteen minutes.
    #[serde(
        default,
        rename = "ocpizza_manager_mail_per_account",
        deserialize_with = "if_within::<_, 1, MAX_ATTEMPTS>"
    )]
    pub mail_per_account: Option<u32>,
    /// `OCPIZZA_MANAGER_MAIL_PER_ADDRESS`: and from one address.
    #[serde(
        default,
        rename = "ocpizza_manager_mail_per_address",
        deserialize_with = "if_within::<_, 1, MAX_ATTEMPTS>"
    )]
    pub mail_per_address: Option<u32>,
    /// `OCPIZZA_MANAGER_RATE_PER_ACCOUNT`: requests of one account, a second and at once, `50/500`, or `OFF`.
    #[serde(default, rename = "ocpizza_manager_rate_per_account", deserialize_with = "if_parsed")]
    pub rate_per_account: Option<RateLimit>,
    /// `OCPIZZA_MANAGER_RATE_PER_ADDRESS`: and from one address.
    #[serde(default, rename = "ocpizza_manager_rate_per_address", deserialize_with = "if_parsed")]
    pub rate_per_address: Option<RateLimit>,
    /// `OCPIZZA_MANAGER_INTROSPECTION`: for which roles the API describes itself, commas between.
    #[serde(default, rename = "ocpizza_manager_introspection", deserialize_with = "if_parsed")]
    pub introspection: Option<Introspection>,
    /// `OCPIZZA_MANAGER_ALLOWED_ORIGINS`: the origins of pages that may talk to the API, commas between.
    #[serde(rename = "ocpizza_manager_allowed_origins")]
    pub allowed_origins: Option<String>,
    /// `OCPIZZA_MANAGER_TRUSTED_DOCUMENTS`: a manifest of documents and their ids, or a folder of such.
    #[serde(rename = "ocpizza_manager_trusted_documents")]
    pub trusted_documents: Option<PathBuf>,
    /// `OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE`: `allow` executes other documents too, `only` does not.
    #[serde(default, rename = "ocpizza_manager_trusted_documents_mode")]
    pub trusted_documents_mode: Mode,
    /// `OCPIZZA_MANAGER_GRAPHIQL`: whether GraphiQL is served; by default everywhere but in production.
    #[serde(rename = "ocpizza_manager_graphiql")]
    pub graphiql: Option<bool>,
    /// `OCPIZZA_MANAGER_SMTP_URL`: the mail server, `smtps://user:password@host:465`.
    #[serde(rename = "ocpizza_manager_smtp_url")]
    pub smtp_url: Option<SecretString>,
    /// `OCPIZZA_MANAGER_MAIL_FROM`: the address that mail is from.
    #[serde(rename = "ocpizza_manager_mail_from")]
    pub mail_from: Option<String>,
    /// `OCPIZZA_MANAGER_MAIL_DIR`: where mails are written to in development, without a mail server.
    #[serde(rename = "ocpizza_manager_mail_dir")]
    pub mail_dir: Option<PathBuf>,
    /// `OCPIZZA_MANAGER_PUBLIC_URL`: the address of the pages that links in mails lead to.
    #[serde(rename = "ocpizza_manager_public_url")]
    pub public_url: Option<String>,
    /// `OCPIZZA_MANAGER_METRICS_TOKEN`: the bearer token that `/metrics` is shown for.
    #[serde(rename = "ocpizza_manager_metrics_token")]
    pub metrics_token: Option<SecretString>,
    /// `OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS`: how many days a contact is kept once its order is over.
    #[serde(
        default = "default_retention",
        rename = "ocpizza_manager_contact_retention_days",
        deserialize_with = "within::<_, 1, MAX_RETENTION_DAYS>"
    )]
    pub contact_retention_days: u32,
    /// `OCPIZZA_MANAGER_IDEMPOTENCY_HOURS`: how many hours an idempotency key is kept at least, 24 to 8760.
    #[serde(default = "default_idempotency_hours", rename = "ocpizza_manager_idempotency_hours")]
    pub idempotency_hours: u32,
    /// `OCPIZZA_MANAGER_SIGNING_KEY`: the seed that heads of the log are signed with, 32 bytes in base64.
    #[serde(rename = "ocpizza_manager_signing_key")]
    pub heads_key: Option<SecretString>,
    /// `OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED`: the public halves of keys before it, commas between.
    #[serde(rename = "ocpizza_manager_signing_keys_retired")]
    pub heads_keys_retired: Option<String>,
    /// `OCPIZZA_MANAGER_HEADS_TO`: where heads of the log are published. A webhook's address may hold a secret.
    #[serde(rename = "ocpizza_manager_heads_to")]
    pub heads_to: Option<SecretString>,
    /// `OCPIZZA_MANAGER_DATABASE_CONNECTIONS`: how many connections the database grants to all processes.
    #[serde(
        default = "default_connections",
        rename = "ocpizza_manager_database_connections",
        deserialize_with = "within::<_, 1, MAX_DATABASE_CONNECTIONS>"
    )]
    pub database_connections: u32,
    /// `OCPIZZA_MANAGER_PROCESSES`: how many processes serve at once.
    #[serde(
        default = "default_processes",
        rename = "ocpizza_manager_processes",
        deserialize_with = "within::<_, 1, MAX_PROCESSES>"
    )]
    pub processes: u32,
    /// `OCPIZZA_MANAGER_CONNECTIONS_PER_ADDRESS`: how many connections of a process one client address may have.
    #[serde(
        default,
        rename = "ocpizza_manager_connections_per_address",
        deserialize_with = "if_within::<_, 1, MAX_OPEN>"
    )]
    pub connections_per_address: Option<u32>,
    /// `OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER`: how many subscriptions of a process one customer may have.
    #[serde(
        default,
        rename = "ocpizza_manager_subscriptions_per_customer",
        deserialize_with = "if_within::<_, 1, MAX_OPEN>"
    )]
    pub subscriptions_per_customer: Option<u32>,
    /// `OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_EMPLOYEE`: and one employee.
    #[serde(
        default,
        rename = "ocpizza_manager_subscriptions_per_employee",
        deserialize_with = "if_within::<_, 1, MAX_OPEN>"
    )]
    pub subscriptions_per_employee: Option<u32>,
    /// `ENV`: `PRODUCTION` or `DEVELOPMENT`.
    #[serde(default, rename = "env")]
    pub environment: Environment,
}

/// A value that is written as text.
fn parsed<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

/// The same, of a setting that may be absent.
fn if_parsed<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    parsed(deserializer).map(Some)
}

/// A number within bounds.
fn within<'de, D, const MIN: u32, const MAX: u32>(deserializer: D) -> Result<u32, D::Error>
where
    D: Deserializer<'de>,
{
    let number = u32::deserialize(deserializer)?;
    if (MIN..=MAX).contains(&number) {
        Ok(number)
    } else {
        Err(D::Error::custom(format_args!("it must be {MIN} to {MAX}, not {number}")))
    }
}

/// The same, of a setting that may be absent.
fn if_within<'de, D, const MIN: u32, const MAX: u32>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    within::<D, MIN, MAX>(deserializer).map(Some)
}

fn default_retention() -> u32 {
    CONTACT_RETENTION_DAYS
}

fn default_idempotency_hours() -> u32 {
    IDEMPOTENCY_HOURS
}

fn default_connections() -> u32 {
    DATABASE_CONNECTIONS
}

fn default_processes() -> u32 {
    1
}

fn default_port() -> u16 {
    DEFAULT_PORT
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn load() -> Result<Self, SettingsError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// The settings that some variables make. An empty variable is one that is not set.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let layers = Layers::of(variable)?;
        let settings = layers.settings()?;
        if settings.key_previous.is_some()
            && (settings.key.is_none() || settings.key_previous_until.is_none())
        {
            return Err(SettingsError::PreviousKey);
        }
        if !IDEMPOTENCY_HOURS_BOUNDS.contains(&settings.idempotency_hours) {
            return Err(SettingsError::IdempotencyHours(settings.idempotency_hours));
        }
        settings.sealing_key()?;
        settings.retired_keys()?;
        Ok(settings)
    }

    /// The settings of this process one by one, with where each comes from and without what is secret.
    ///
    /// # Errors
    /// When a setting cannot be used.
    pub fn effective() -> Result<Vec<Effective>, SettingsError> {
        Self::load()?;
        let layers = Layers::of(|name| std::env::var(name).ok())?;
        let settings = layers.settings()?;
        let (set, file) = (&layers.set, &layers.file);
        let in_file = |key: &str| {
            let value = file.as_ref()?.get::<config::Value>(key).ok()?;
            Some(value.into_string().unwrap_or_else(|error| error.to_string()))
        };
        Ok(effective::effective(&settings, |name| set.get(name).cloned(), in_file))
    }

    /// How many connections the pool of this process may have.
    ///
    /// # Errors
    /// When the plan is too small.
    pub fn pool_size(&self) -> Result<u32, SettingsError> {
        Ok(connections::pool_size(self.database_connections, self.processes)?)
    }

    /// The key that tokens are stored under; none when the database keeps it, for development.
    pub fn signing_key(&self) -> Option<ServerKey> {
        let present = self.key.as_ref()?;
        Some(match (&self.key_previous, self.key_previous_until) {
            (Some(previous), Some(until)) => ServerKey::rotated(present, previous, until),
            _ => ServerKey::new(present),
        })
    }
}

impl Settings {
    /// How many attempts to sign in, to sign up and to be sent mail there may be.
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

    /// How fast one account and one address may ask; in development as fast as they can.
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

    /// The bounds of WebSockets, event streams and subscriptions.
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

    /// What every answer tells a browser: in production, to reach this host by HTTPS only.
    pub fn hardening(&self) -> Hardening {
        Hardening { https_only: self.environment == Environment::Production }
    }

    /// For whom the API describes itself: in production for nobody, unless it is said.
    pub fn introspection(&self) -> Introspection {
        self.introspection.clone().unwrap_or_else(|| match self.environment {
            Environment::Production => Introspection::nobody(),
            Environment::Development => Introspection::Everybody,
        })
    }

    /// Who may read the metrics: whoever shows the token; without one, in production nobody.
    pub fn metrics_readers(&self) -> Readers {
        match (&self.metrics_token, self.environment) {
            (Some(token), _) => Readers::Bearers(token.clone()),
            (None, Environment::Production) => Readers::Nobody,
            (None, Environment::Development) => Readers::Anybody,
        }
    }

    /// Whether GraphiQL is served: in production not, unless it is said.
    pub fn graphiql(&self) -> bool {
        self.graphiql.unwrap_or(self.environment == Environment::Development)
    }

    /// The pages, besides the API's own, that may talk to it; in development also those of this machine.
    ///
    /// # Errors
    /// When one of the origins is none.
    pub fn origins(&self) -> Result<AllowedOrigins, SettingsError> {
        let listed = AllowedOrigins::parse(self.allowed_origins.as_deref().unwrap_or_default())?;
        Ok(match self.environment {
            Environment::Production => listed,
            Environment::Development => listed.and_localhost(),
        })
    }

    /// How mail is sent: by the mail server; in development without one, into files; in production without
    /// one, not at all.
    ///
    /// # Errors
    /// When what is set for the mail server cannot be used.
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

    /// The key that heads of the log are signed with; none when it is derived from the one of tokens.
    ///
    /// # Errors
    /// When it is no key.
    pub fn sealing_key(&self) -> Result<Option<SealingKey>, SettingsError> {
        let key = self.heads_key.as_ref().map(|seed| SealingKey::from_base64(seed.expose_secret()));
        key.transpose().map_err(SettingsError::SigningKey)
    }

    /// The public halves of the keys before it.
    ///
    /// # Errors
    /// When one is no key.
    pub fn retired_keys(&self) -> Result<Vec<PublicKey>, SettingsError> {
        let texts = self.heads_keys_retired.iter().flat_map(|keys| keys.split(','));
        let keys = texts.map(str::trim).filter(|key| !key.is_empty()).map(str::parse);
        keys.collect::<Result<_, _>>().map_err(SettingsError::RetiredKey)
    }

    /// Where heads of the log are published, if anywhere.
    ///
    /// # Errors
    /// When they cannot be published there.
    pub fn heads_destination(&self) -> Result<Option<Arc<dyn HeadsTo>>, SettingsError> {
        let to = self.heads_to.as_ref().map(|to| sealing::destination(to.expose_secret()));
        to.transpose().map_err(SettingsError::HeadsTo)
    }

    /// The documents that requests may name instead of sending them.
    ///
    /// # Errors
    /// When the trusted documents cannot be used.
    pub fn documents(&self) -> Result<Documents, SettingsError> {
        match (&self.trusted_documents, self.trusted_documents_mode) {
            (Some(path), mode) => Ok(Documents::load(path, mode)?),
            (None, Mode::Allow) => Ok(Documents::default()),
            (None, Mode::Only) => Err(SettingsError::NothingTrusted),
        }
    }
}

#[cfg(test)]
mod tests;
