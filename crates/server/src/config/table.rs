//! The settings, each said once: name, type, rule, default and meaning. The struct, its parsing, errors,
//! `--print-config` and the table of `docs/settings.md` are made from this list.

use std::borrow::Cow;
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use graphql::introspection::Introspection;
use http_api::client_address::TrustedProxies;
use http_api::origins::AllowedOrigins;
use http_api::persisted_documents::Mode;
use http_api::rate_limit::RateLimit;
use secrecy::SecretString;
use transparency::{PublicKey, SealingKey};

use super::error::SettingsError;
use super::masking::Secrecy;
use super::value::{Given, Rule, Value};
use Rule::{Number, Words};

/// Directory for mails in development.
pub(super) const MAIL_DIR: &str = ".ocpizza/mail";
/// Days that a contact is kept after its order, by default.
pub const CONTACT_RETENTION_DAYS: u32 = 90;
/// Minimum hours that an idempotency key is kept, by default.
pub const IDEMPOTENCY_HOURS: u32 = 72;

/// Bounds of attempts in fifteen minutes, and of open connections and subscriptions.
const COUNT: Rule = Number(1, 1_000_000);
const PRIVATE: Rule = Words("32 bytes in base64 (openssl rand -base64 32)");
const RATE: Rule = Words("OFF, or requests per second and per burst such as 50/500, each from 1 to 1000000");
const TEXT: Rule = Words("any text");

/// Where a process runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Environment {
    /// With customers: logs are JSON, and a key must be set.
    Production,
    /// Local development.
    #[default]
    Development,
}

impl Value for Environment {
    fn read(text: &str) -> Option<Self> {
        match text {
            "PRODUCTION" => Some(Self::Production),
            "DEVELOPMENT" => Some(Self::Development),
            _ => None,
        }
    }
}

/// What is known of a setting before it is read.
pub(super) struct Setting {
    /// The variable; the key of the settings file is this name in lower case.
    pub(super) name: &'static str,
    pub(super) rule: Rule,
    pub(super) secrecy: Secrecy,
    /// Shows the value that holds when it is not set; words are in brackets.
    pub(super) default: fn(&Settings) -> Cow<'static, str>,
    /// What it is, as Markdown of `docs/settings.md`.
    #[cfg(test)]
    pub(super) meaning: &'static str,
}

fn none(_: &Settings) -> Cow<'static, str> {
    "(none)".into()
}

fn either(settings: &Settings, development: &'static str, production: &'static str) -> Cow<'static, str> {
    match settings.environment {
        Environment::Development => development.into(),
        Environment::Production => production.into(),
    }
}

/// Each line: variable, field, type, value when it is not set; rule, secrecy, default as shown; meaning.
macro_rules! settings {
    ($($name:literal $field:ident: $type:ty = $unset:expr, $rule:expr, $secrecy:ident, $default:expr, $meaning:literal;)*) => {
        /// The settings of a process.
        #[derive(Debug, Clone)]
        pub struct Settings {
            $(#[doc = concat!("`", $name, "`: ", $meaning, ".")]
            pub $field: $type,)*
        }

        /// Every setting, in the order of `docs/settings.md`.
        pub(super) static SETTINGS: [Setting; [$($name),*].len()] = [$(Setting {
            name: $name,
            rule: $rule,
            secrecy: Secrecy::$secrecy,
            default: $default,
            #[cfg(test)]
            meaning: $meaning,
        }),*];

        impl Settings {
            /// Reads the settings that are given.
            pub(super) fn read(
                given: impl Fn(&Setting) -> Result<Option<Given>, SettingsError>,
            ) -> Result<Self, SettingsError> {
                let [$($field),*] = &SETTINGS;
                Ok(Self {
                    $($field: match given($field)? {
                        Some(text) => text.read(&$field.rule, $field.secrecy)?,
                        None => $unset,
                    },)*
                })
            }
        }
    };
}

settings! {
    "DATABASE_URL" database_url: Option<SecretString> = None,
        Words("a `postgres://` URL"), Url, |s| either(s, "(that of a demo running on `--data-dir`)", "(must be set)"),
        "the database ([below](#the-database))";
    "OCPIZZA_MANAGER_DATABASE_CONNECTIONS" database_connections: u32 = 20,
        Number(1, 10_000), Open, |s| s.database_connections.to_string().into(),
        "connections that the database grants to all processes";
    "OCPIZZA_MANAGER_PROCESSES" processes: u32 = 1,
        Number(1, 1_000), Open, |s| s.processes.to_string().into(),
        "number of processes that serve at once";
    "PORT" port: u16 = 8080,
        Words("from 1 to 65535"), Open, |s| s.port.to_string().into(),
        "port of the API (`0`: any free one), on every IPv6 and IPv4 address or that of `serve --listen`; the demo on \
         127.0.0.1 or that of `demo --listen`; platforms set it";
    "ENV" environment: Environment = Environment::default(),
        Words("DEVELOPMENT or PRODUCTION"), Open, |_| "DEVELOPMENT".into(),
        "where the process runs";
    "OCPIZZA_MANAGER_KEY" key: Option<SecretString> = None,
        Words("32 random bytes at least, not the manual's sample (openssl rand -base64 48)"), Secret,
        |s| either(s, "(a key stored in the database)", "(must be set)"),
        "HMAC key under which tokens and attempt counters are hashed; the same in every process; not checked in development";
    "OCPIZZA_MANAGER_KEY_PREVIOUS" key_previous: Option<SecretString> = None,
        TEXT, Secret, none,
        "the previous key, for a [rotation](#rotating-the-key)";
    "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL" key_previous_until: Option<DateTime<Utc>> = None,
        Words("a time such as 2026-12-24T12:00:00Z"), Open, none,
        "end of the time in which tokens of the previous key are accepted; must be set beside it";
    "OCPIZZA_MANAGER_TRUSTED_PROXIES" trusted_proxies: TrustedProxies = TrustedProxies::default(),
        Words("networks in CIDR notation such as 10.0.0.0/8, comma-separated"), Open, none,
        "proxies whose `X-Forwarded-For` is trusted, `10.0.0.0/8` on Heroku; otherwise all clients behind a proxy count as \
         one address";
    "OCPIZZA_MANAGER_ALLOWED_ORIGINS" allowed_origins: AllowedOrigins = AllowedOrigins::default(),
        Words("origins such as https://shop.example or http://10.0.0.5:3000, comma-separated"), Open,
        |s| either(s, "(this machine's)", "(its own)"),
        "origins of pages that may call the API, besides its own";
    "OCPIZZA_MANAGER_INTROSPECTION" introspection: Option<Introspection> = None,
        Words("EVERYBODY, NOBODY, or roles such as DIRECTOR, comma-separated"), Open,
        |s| either(s, "EVERYBODY", "NOBODY"),
        "roles that may use introspection";
    "OCPIZZA_MANAGER_GRAPHIQL" graphiql: Option<bool> = None,
        Words("true or false"), Open, |s| s.graphiql().to_string().into(),
        "whether `/graphiql` is served; it shows the schema to the roles above";
    "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS" trusted_documents: Option<PathBuf> = None,
        Words("a file or a directory"), Open, none,
        "manifest of documents and their ids, or a directory of manifests ([limits](limits.md))";
    "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE" trusted_documents_mode: Mode = Mode::default(),
        Words("allow or only"), Open, |_| "allow".into(),
        "whether other documents are executed too";
    "OCPIZZA_MANAGER_RATE_PER_ACCOUNT" rate_per_account: Option<RateLimit> = None,
        RATE, Open, |s| s.rates().account.to_string().into(),
        "requests of an account; each root field of a mutation counts";
    "OCPIZZA_MANAGER_RATE_PER_ADDRESS" rate_per_address: Option<RateLimit> = None,
        RATE, Open, |s| s.rates().address.to_string().into(),
        "the same per client address";
    "OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT" sign_in_per_account: Option<u32> = None,
        COUNT, Open, |s| s.attempt_limits().sign_in_per_account.to_string().into(),
        "failed sign-ins to an account in 15 minutes: from all unknown addresses, from each known address or device, and in \
         each session that confirms a change";
    "OCPIZZA_MANAGER_SIGN_IN_PER_ADDRESS" sign_in_per_address: Option<u32> = None,
        COUNT, Open, |s| s.attempt_limits().sign_in_per_address.to_string().into(),
        "failed sign-ins from one client address, to accounts not known there";
    "OCPIZZA_MANAGER_SIGN_UP_PER_ADDRESS" sign_up_per_address: Option<u32> = None,
        COUNT, Open, |s| s.attempt_limits().sign_up_per_address.to_string().into(),
        "answers about whether an e-mail address is taken (`signUp`, `updateMyAccount`, `hireStaff`) in 15 minutes, per \
         client address and per account";
    "OCPIZZA_MANAGER_MAIL_PER_ACCOUNT" mail_per_account: Option<u32> = None,
        COUNT, Open, |s| s.attempt_limits().mail_per_account.to_string().into(),
        "mails to one e-mail address in 15 minutes, whichever mutation causes them; links, invitations and warnings count \
         separately";
    "OCPIZZA_MANAGER_MAIL_PER_ADDRESS" mail_per_address: Option<u32> = None,
        COUNT, Open, |s| s.attempt_limits().mail_per_address.to_string().into(),
        "mails caused by one client address, and by one account";
    "OCPIZZA_MANAGER_CONNECTIONS_PER_ADDRESS" connections_per_address: Option<u32> = None,
        COUNT, Open, |_| "(a quarter of the process's connections, at most 2,000)".into(),
        "connections of one client address to a process, including WebSockets and event streams \
         ([limits](limits.md#connections))";
    "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER" subscriptions_per_customer: Option<u32> = None,
        COUNT, Open, |s| s.streams().subscriptions_per_customer.to_string().into(),
        "open subscriptions of one customer per process";
    "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_EMPLOYEE" subscriptions_per_employee: Option<u32> = None,
        COUNT, Open, |s| s.streams().subscriptions_per_employee.to_string().into(),
        "open subscriptions of one employee per process";
    "OCPIZZA_MANAGER_SMTP_URL" smtp_url: Option<SecretString> = None,
        Words("a URL such as `smtps://user:password@mail.example:465`"), Url, none,
        "the mail server; without one, mails are written to files in development, and none are sent in production";
    "OCPIZZA_MANAGER_MAIL_FROM" mail_from: Option<String> = None,
        Words("an address such as `OC Pizza <no-reply@ocpizza.example>`"), Open, none,
        "the sender of mails; must be set beside the mail server";
    "OCPIZZA_MANAGER_MAIL_DIR" mail_dir: Option<PathBuf> = None,
        Words("a directory"), Open, |s| either(s, MAIL_DIR, "(unused)"),
        "directory for mails without a mail server; the demo's is in its data directory";
    "OCPIZZA_MANAGER_PUBLIC_URL" public_url: Option<String> = None,
        Words("a URL"), Url, none,
        "base address of links in mails (`/verify-email`, `/reset-password`, `/invitation`, each with `#token=…`); without \
         one, mails contain the bare token";
    "OCPIZZA_MANAGER_IDEMPOTENCY_HOURS" idempotency_hours: u32 = IDEMPOTENCY_HOURS,
        Number(24, 8_760), Open, |s| s.idempotency_hours.to_string().into(),
        "minimum hours that an idempotency key is kept; it is removed within a day after that, and is then a new command";
    "OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS" contact_retention_days: u32 = CONTACT_RETENTION_DAYS,
        Number(1, 3_650), Open, |s| s.contact_retention_days.to_string().into(),
        "days that a contact is kept after its order is over ([privacy](privacy.md))";
    "OCPIZZA_MANAGER_METRICS_TOKEN" metrics_token: Option<SecretString> = None,
        TEXT, Secret, |s| either(s, "(open to every caller)", "(closed)"),
        "bearer token required for [`/metrics`](metrics.md)";
    "OCPIZZA_MANAGER_SIGNING_KEY" heads_key: Option<SealingKey> = None,
        PRIVATE, Secret, |_| "(derived from OCPIZZA_MANAGER_KEY)".into(),
        "seed of the key that signs heads of the log; the same in every process ([audit](audit.md))";
    "OCPIZZA_MANAGER_SIGNING_KEYS_RETIRED" heads_keys_retired: Vec<PublicKey> = Vec::new(),
        Words("public keys as `ocpizza-manager audit key` prints them, comma-separated"), Open, none,
        "public halves of earlier signing keys: `audit verify` trusts their heads";
    "OCPIZZA_MANAGER_HEADS_TO" heads_to: Option<SecretString> = None,
        Words("stdout, file:/path or an https:// address"), Destination, |_| "(nowhere)".into(),
        "where every head is published: a file is appended to, and read back when sealing starts; an address receives each \
         head as a POST (`http://` on this machine only). Production should set it: otherwise `serve` warns and `check` fails; \
         `stdout` is the minimum";
}
