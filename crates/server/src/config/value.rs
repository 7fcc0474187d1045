//! From a setting's text to its value, and the rule that the text must follow.

use std::fmt::{Display, Formatter};
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

/// What the text of a setting must be; the words follow "must be" in errors.
#[derive(Debug)]
pub(super) enum Rule {
    /// A whole number within these bounds.
    Number(u32, u32),
    /// What the type's [`Value`] accepts, in words.
    Words(&'static str),
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(min, max) => write!(f, "from {min} to {max}"),
            Self::Words(words) => f.write_str(words),
        }
    }
}

/// The text of a setting that is set, and the name of the input it comes from.
pub(super) struct Given {
    pub(super) text: String,
    pub(super) input: String,
}

impl Given {
    /// Reads the text.
    pub(super) fn read<T: Value>(&self, rule: &Rule, secrecy: Secrecy) -> Result<T, SettingsError> {
        let is_within = match rule {
            Rule::Number(min, max) => self.text.parse().is_ok_and(|number| (*min..=*max).contains(&number)),
            Rule::Words(_) => true,
        };
        T::read(&self.text).filter(|_| is_within).ok_or_else(|| SettingsError::Invalid {
            input: self.input.clone(),
            rule: rule.to_string(),
            given: secrecy.quote(&self.text),
        })
    }
}

/// A type that settings have.
pub(super) trait Value: Sized {
    /// Reads a text; `None` if it breaks the setting's rule.
    fn read(text: &str) -> Option<Self>;
}

macro_rules! read_by_from_str {
    ($($type:ty),*) => {
        $(impl Value for $type {
            fn read(text: &str) -> Option<Self> {
                text.parse().ok()
            }
        })*
    };
}
read_by_from_str!(u16, u32, String, PathBuf, DateTime<Utc>, TrustedProxies, RateLimit, Introspection);

impl<T: Value> Value for Option<T> {
    fn read(text: &str) -> Option<Self> {
        T::read(text).map(Some)
    }
}

impl Value for bool {
    fn read(text: &str) -> Option<Self> {
        match text.to_lowercase().as_str() {
            "true" | "on" | "yes" | "1" => Some(true),
            "false" | "off" | "no" | "0" => Some(false),
            _ => None,
        }
    }
}

impl Value for SecretString {
    fn read(text: &str) -> Option<Self> {
        Some(text.into())
    }
}

impl Value for Mode {
    fn read(text: &str) -> Option<Self> {
        match text {
            "allow" => Some(Self::Allow),
            "only" => Some(Self::Only),
            _ => None,
        }
    }
}

impl Value for AllowedOrigins {
    fn read(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl Value for SealingKey {
    fn read(text: &str) -> Option<Self> {
        Self::from_base64(text).ok()
    }
}

impl Value for Vec<PublicKey> {
    fn read(text: &str) -> Option<Self> {
        let keys = text.split(',').map(str::trim).filter(|key| !key.is_empty());
        keys.map(|key| key.parse().ok()).collect()
    }
}
