//! The settings as they take effect, and where each comes from, for whoever looks why a process does what it
//! does. Shows no secret.

use std::fmt::{Display, Formatter};

use reqwest::Url;

use super::{Environment, MAIL_DIR, Settings, VARIABLES};

/// What stands for a secret.
const HIDDEN: &str = "***";
/// What names of secrets contain.
const SECRET: [&str; 5] = ["KEY", "PASSWORD", "SECRET", "TOKEN", "HEADERS"];
/// And what is no secret all the same.
const OPEN: [&str; 1] = ["OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL"];

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Nobody has said anything.
    Default,
    /// The file that `OCPIZZA_MANAGER_SETTINGS` names.
    File,
    /// A variable of the environment.
    Environment,
}

impl Display for Source {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::File => "file",
            Self::Environment => "environment",
        })
    }
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effective {
    /// The variable.
    pub name: &'static str,
    /// Its value, without what is secret in it.
    pub value: String,
    /// Where it comes from.
    pub source: Source,
}

/// Each setting, in the order of [`VARIABLES`].
pub(super) fn effective(
    settings: &Settings,
    variable: impl Fn(&str) -> Option<String>,
    file: impl Fn(&str) -> Option<String>,
) -> Vec<Effective> {
    let each = VARIABLES.iter().copied().map(|name| {
        let (said, source) = match (variable(name), file(&name.to_ascii_lowercase())) {
            (Some(value), _) => (value, Source::Environment),
            (None, Some(value)) => (value, Source::File),
            (None, None) => {
                return Effective { name, value: default_of(settings, name), source: Source::Default };
            }
        };
        Effective { name, value: without_secrets(name, &said), source }
    });
    each.collect()
}

/// What a setting is when nobody has said anything.
fn default_of(settings: &Settings, name: &str) -> String {
    let production = settings.environment == Environment::Production;
    let (attempt_limits, rates, streams) = (settings.attempt_limits(), settings.rates(), settings.streams());
    let by_environment = |development: &str, in_production: &str| {
        (if production { in_production } else { development }).to_owned()
    };
    match name {
        "DATABASE_URL" => by_environment("(that of a demo on --data-dir)", "(must be set)"),
        "ENV" => "DEVELOPMENT".to_owned(),
        "OCPIZZA_MANAGER_ALLOWED_ORIGINS" => by_environment("(this machine's)", "(its own)"),
        "OCPIZZA_MANAGER_CONNECTIONS_PER_ADDRESS" => "(by the limit on open files)".to_owned(),
        "OCPIZZA_MANAGER_IDEMPOTENCY_HOURS" => settings.idempotency_hours.to_string(),
        "OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS" => settings.contact_retention_days.to_string(),
        "OCPIZZA_MANAGER_DATABASE_CONNECTIONS" => settings.database_connections.to_string(),
        "OCPIZZA_MANAGER_GRAPHIQL" => settings.graphiql().to_string(),
        "OCPIZZA_MANAGER_HEADS_TO" => "(nowhere)".to_owned(),
        "OCPIZZA_MANAGER_INTROSPECTION" => by_environment("EVERYBODY", "NOBODY"),
        "OCPIZZA_MANAGER_KEY" => by_environment("(one that the database keeps)", "(must be set)"),
        "OCPIZZA_MANAGER_MAIL_DIR" => by_environment(MAIL_DIR, "(unused)"),
        "OCPIZZA_MANAGER_MAIL_PER_ACCOUNT" => attempt_limits.mail_per_account.to_string(),
        "OCPIZZA_MANAGER_MAIL_PER_ADDRESS" => attempt_limits.mail_per_address.to_string(),
        "OCPIZZA_MANAGER_METRICS_TOKEN" => by_environment("(for anybody)", "(for nobody)"),
        "OCPIZZA_MANAGER_PROCESSES" => settings.processes.to_string(),
        "OCPIZZA_MANAGER_RATE_PER_ACCOUNT" => rates.account.to_string(),
        "OCPIZZA_MANAGER_RATE_PER_ADDRESS" => rates.address.to_string(),
        "OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT" => attempt_limits.sign_in_per_account.to_string(),
        "OCPIZZA_MANAGER_SIGN_IN_PER_ADDRESS" => attempt_limits.sign_in_per_address.to_string(),
        "OCPIZZA_MANAGER_SIGN_UP_PER_ADDRESS" => attempt_limits.sign_up_per_address.to_string(),
        "OCPIZZA_MANAGER_SIGNING_KEY" => "(derived from OCPIZZA_MANAGER_KEY)".to_owned(),
        "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER" => streams.subscriptions_per_customer.to_string(),
        "OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_EMPLOYEE" => streams.subscriptions_per_employee.to_string(),
        "OCPIZZA_MANAGER_TRUSTED_DOCUMENTS_MODE" => "allow".to_owned(),
        "PORT" => settings.port.to_string(),
        // Those that are not there when nobody says so.
        _ => "(none)".to_owned(),
    }
}

/// Whether the value of a setting is a secret, or has one in it.
pub(super) fn is_secret(name: &str) -> bool {
    let is_named = !OPEN.contains(&name) && SECRET.iter().any(|word| name.contains(word));
    is_named || name.ends_with("_URL") || name == "OCPIZZA_MANAGER_HEADS_TO"
}

/// A value as it may be shown: by the name of the setting, or by what it looks like, so that a new one is
/// hidden rather than shown by mistake.
fn without_secrets(name: &str, value: &str) -> String {
    if !OPEN.contains(&name) && SECRET.iter().any(|word| name.contains(word)) {
        return HIDDEN.to_owned();
    }
    // A webhook is known by its address, which is a secret as a whole, however it is written.
    if name == "OCPIZZA_MANAGER_HEADS_TO" {
        let is_local = value.trim() == "stdout" || value.trim().starts_with("file:");
        return if is_local { value.to_owned() } else { HIDDEN.to_owned() };
    }
    let has_credentials = value.contains("://") && value.contains('@');
    if !name.ends_with("_URL") && !has_credentials {
        return value.to_owned();
    }
    match Url::parse(value) {
        Ok(url) if value.contains("://") => url_without_secrets(value, url),
        // Whatever it is, it may have a password in it.
        Ok(_) | Err(_) => HIDDEN.to_owned(),
    }
}

fn url_without_secrets(text: &str, mut url: Url) -> String {
    let is_secret = |name: &str| SECRET.iter().any(|word| name.to_ascii_uppercase().contains(word));
    let in_query = url.query_pairs().any(|(name, _)| is_secret(&name));
    if url.password().is_none() && !in_query {
        return text.to_owned();
    }
    if url.password().is_some() && url.set_password(Some(HIDDEN)).is_err() {
        return HIDDEN.to_owned();
    }
    if in_query {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(name, value)| {
                let value = if is_secret(&name) { HIDDEN.into() } else { value };
                (name.into_owned(), value.into_owned())
            })
            .collect();
        url.query_pairs_mut().clear().extend_pairs(pairs);
    }
    url.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_in_whatever_they_stand() {
        for (name, value, shown) in [
            ("OCPIZZA_MANAGER_KEY", "abc", "***"),
            ("OCPIZZA_MANAGER_KEY_PREVIOUS", "abc", "***"),
            ("OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL", "2026-12-01T00:00:00Z", "2026-12-01T00:00:00Z"),
            ("DATABASE_URL", "postgres://app:s3cret@db/name", "postgres://app:***@db/name"),
            (
                "DATABASE_URL",
                "postgres:///name?host=/run&password=s3cret",
                "postgres:///name?host=%2Frun&password=***",
            ),
            ("DATABASE_URL", "app:s3cret@db", "***"),
            ("OCPIZZA_MANAGER_SMTP_URL", "smtps://u:s3cret@mail:465", "smtps://u:***@mail:465"),
            (
                "OCPIZZA_MANAGER_ALLOWED_ORIGINS",
                "https://a.example,https://b.example",
                "https://a.example,https://b.example",
            ),
            ("PORT", "8080", "8080"),
            ("OCPIZZA_MANAGER_HEADS_TO", "stdout", "stdout"),
            ("OCPIZZA_MANAGER_HEADS_TO", "file:/var/heads", "file:/var/heads"),
            ("OCPIZZA_MANAGER_HEADS_TO", " HTTPS://hooks.example/s3cret", "***"),
        ] {
            let hidden = without_secrets(name, value);
            assert_eq!(hidden, shown);
        }
    }
}
