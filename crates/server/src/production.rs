//! Refuses to start in production with a key that is published or short, or with the demo's accounts. Accepts everything in
//! development.

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::config::{Environment, Settings};

/// Example key of the operations manual, which is public.
const SAMPLE_KEY: &str = "4jdsksnkgndklnd59sknsk6bv6fv";
/// Minimum length of a key: that of the hashes it makes.
const MIN_KEY_BYTES: usize = 32;

/// Why a process refuses to start in production.
#[derive(Debug, thiserror::Error)]
pub enum ProductionCheckError {
    /// The key is not set.
    #[error(
        "OCPIZZA_MANAGER_KEY must be set when ENV is PRODUCTION, to the same random text in every process (openssl rand \
         -base64 48)"
    )]
    NoKey,
    /// The key is the example of the manual.
    #[error(
        "{0} is the sample value of the manual, which is public: generate a key (openssl rand -base64 48)"
    )]
    SampleKey(&'static str),
    /// The key is short.
    #[error("{0} is shorter than {MIN_KEY_BYTES} bytes: generate a longer one (openssl rand -base64 48)")]
    ShortKey(&'static str),
    /// The passwords of the demo's accounts are public.
    #[error("the database holds demo accounts ({0} of them), whose password is public: use another database")]
    DemoAccounts(i64),
    /// The demo would create accounts with a public password.
    #[error(
        "the demo does not run with ENV=PRODUCTION, because the password of its accounts is public: set ENV=DEVELOPMENT"
    )]
    Demo,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

fn check_key(name: &'static str, key: &SecretString) -> Result<(), ProductionCheckError> {
    let key = key.expose_secret().trim();
    if key.contains(SAMPLE_KEY) {
        Err(ProductionCheckError::SampleKey(name))
    } else if key.len() < MIN_KEY_BYTES {
        Err(ProductionCheckError::ShortKey(name))
    } else {
        Ok(())
    }
}

/// Checks the settings against the rules of production.
///
/// # Errors
/// [`ProductionCheckError`], never in development.
pub fn check_settings(settings: &Settings) -> Result<(), ProductionCheckError> {
    if settings.environment != Environment::Production {
        return Ok(());
    }
    check_key("OCPIZZA_MANAGER_KEY", settings.key.as_ref().ok_or(ProductionCheckError::NoKey)?)?;
    settings.key_previous.as_ref().map_or(Ok(()), |key| check_key("OCPIZZA_MANAGER_KEY_PREVIOUS", key))
}

/// Checks a migrated database against the rules of production.
///
/// # Errors
/// [`ProductionCheckError`], in development only when the database does not answer.
pub async fn check_database(settings: &Settings, pool: &PgPool) -> Result<(), ProductionCheckError> {
    if settings.environment != Environment::Production {
        return Ok(());
    }
    let accounts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM accounts WHERE demo").fetch_one(pool).await?;
    if accounts > 0 { Err(ProductionCheckError::DemoAccounts(accounts)) } else { Ok(()) }
}

/// Checks that the demo may run.
///
/// # Errors
/// [`ProductionCheckError::Demo`] in production.
pub fn check_demo(settings: &Settings) -> Result<(), ProductionCheckError> {
    if settings.environment == Environment::Production { Err(ProductionCheckError::Demo) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)]) -> Result<(), String> {
        let settings = Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        check_settings(&settings.unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn production_refuses_known_and_short_keys() {
        const KEY: &str = "OCPIZZA_MANAGER_KEY";
        const PREVIOUS: &str = "OCPIZZA_MANAGER_KEY_PREVIOUS";
        let until = ("OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL", "2026-12-01T00:00:00Z");
        let (good, short) = ("g".repeat(32), "s".repeat(31));
        let padded = format!("{SAMPLE_KEY}{SAMPLE_KEY}");
        let blank = format!("{short}   ");
        for (key, previous, named) in [
            (good.as_str(), None, None),
            (good.as_str(), Some(good.as_str()), None),
            ("", None, Some("must be set")),
            (short.as_str(), None, Some("OCPIZZA_MANAGER_KEY is shorter than 32 bytes")),
            (blank.as_str(), None, Some("shorter")),
            (SAMPLE_KEY, None, Some("OCPIZZA_MANAGER_KEY is the sample value")),
            (padded.as_str(), None, Some("sample value")),
            (good.as_str(), Some(SAMPLE_KEY), Some("OCPIZZA_MANAGER_KEY_PREVIOUS is the sample value")),
            (good.as_str(), Some(short.as_str()), Some("OCPIZZA_MANAGER_KEY_PREVIOUS is shorter")),
        ] {
            let mut variables = vec![(KEY, key), until];
            variables.extend(previous.map(|previous| (PREVIOUS, previous)));
            if !key.is_empty() {
                assert_eq!(check(&variables), Ok(()));
            }
            variables.push(("ENV", "PRODUCTION"));
            match (check(&variables), named) {
                (Ok(()), None) => {}
                (Err(said), Some(named)) => {
                    assert!(said.contains(named) && !said.contains("sssss"), "{said}");
                    assert_eq!(said.lines().count(), 1);
                }
                (said, named) => panic!("{said:?}, not {named:?}"),
            }
        }
    }
}
