//! What a process that serves customers does not start with: a key that others know or can guess, and
//! accounts that everybody can sign in to. In development everything goes.

use secrecy::{ExposeSecret, SecretString};
use sqlx::PgPool;

use crate::config::{Environment, Settings};

/// The value that the operations manual prints as an example: everybody knows it.
const SAMPLE_KEY: &str = "4jdsksnkgndklnd59sknsk6bv6fv";
/// The fewest bytes of a key: as many as what it makes.
const SHORTEST_KEY: usize = 32;

/// Why a process does not start in production.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// There is no key.
    #[error(
        "OCPIZZA_MANAGER_KEY must be set when ENV is PRODUCTION: a long random text, the same in every process"
    )]
    NoKey,
    /// The key is the manual's.
    #[error(
        "{0} is the sample value of the manual, which everybody knows: make one of your own (openssl rand -base64 48)"
    )]
    SampleKey(&'static str),
    /// The key can be guessed.
    #[error("{0} is shorter than {SHORTEST_KEY} bytes: make a longer one (openssl rand -base64 48)")]
    ShortKey(&'static str),
    /// Everybody knows how to sign in to these.
    #[error(
        "the database holds demo accounts ({0} of them), which everybody can sign in to: use another database"
    )]
    DemoAccounts(i64),
    /// The demo makes what production refuses.
    #[error("the demo is not for ENV=PRODUCTION: its accounts are known to everybody")]
    Demo,
    /// The database did not answer.
    #[error("the database failed")]
    Database(#[from] sqlx::Error),
}

fn check_key(name: &'static str, key: &SecretString) -> Result<(), Unfit> {
    let key = key.expose_secret().trim();
    if key.contains(SAMPLE_KEY) {
        Err(Unfit::SampleKey(name))
    } else if key.len() < SHORTEST_KEY {
        Err(Unfit::ShortKey(name))
    } else {
        Ok(())
    }
}

/// Holds the settings against what production asks for.
///
/// # Errors
/// [`Unfit`], never in development.
pub fn check_settings(settings: &Settings) -> Result<(), Unfit> {
    if settings.environment != Environment::Production {
        return Ok(());
    }
    check_key("OCPIZZA_MANAGER_KEY", settings.key.as_ref().ok_or(Unfit::NoKey)?)?;
    settings.key_previous.as_ref().map_or(Ok(()), |key| check_key("OCPIZZA_MANAGER_KEY_PREVIOUS", key))
}

/// Holds the database, which is migrated, against what production asks for.
///
/// # Errors
/// [`Unfit`], in development only when the database does not answer.
pub async fn check_database(settings: &Settings, pool: &PgPool) -> Result<(), Unfit> {
    if settings.environment != Environment::Production {
        return Ok(());
    }
    let accounts: i64 =
        sqlx::query_scalar("SELECT count(*) FROM accounts WHERE demo").fetch_one(pool).await?;
    if accounts > 0 { Err(Unfit::DemoAccounts(accounts)) } else { Ok(()) }
}

/// Whether the demo may run.
///
/// # Errors
/// [`Unfit::Demo`] in production.
pub fn check_demo(settings: &Settings) -> Result<(), Unfit> {
    if settings.environment == Environment::Production { Err(Unfit::Demo) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(variables: &[(&str, &str)]) -> Result<(), String> {
        let settings = Settings::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        });
        check_settings(&settings.unwrap()).map_err(|unfit| unfit.to_string())
    }

    #[test]
    fn a_key_that_is_known_or_short_is_for_development_only() {
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
