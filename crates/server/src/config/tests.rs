//! Valid and invalid settings, and their table in `docs/settings.md`.

use std::collections::HashMap;

use http_api::rate_limit::RateLimit;

use super::error::SETTINGS_FILE;
use super::*;

fn settings(variables: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let variables: HashMap<&str, &str> = variables.iter().copied().collect();
    Settings::from_variables(|name| variables.get(name).map(|value| (*value).to_owned()))
}

fn file(name: &str, text: &str) -> String {
    let path = std::env::temp_dir().join(format!("ocpizza-settings-{}-{name}.toml", std::process::id()));
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn the_defaults_are_those_of_development() {
    let settings = settings(&[("DATABASE_URL", "")]).unwrap();
    assert!(settings.database_url.is_none() && settings.key.is_none());
    assert_eq!((settings.port, settings.environment), (8080, Environment::Development));
}

#[test]
fn the_environment_overrides_the_file() {
    let path = file("wins", "port = 9000\nenv = \"PRODUCTION\"\nocpizza_manager_key = \"from the file\"\n");
    let settings =
        settings(&[(SETTINGS_FILE, &path), ("PORT", "9001"), ("DATABASE_URL", "postgres:///x")]).unwrap();
    assert_eq!((settings.port, settings.environment), (9001, Environment::Production));
    assert_eq!(settings.key.as_ref().unwrap().expose_secret(), "from the file");
    assert_eq!(settings.database_url.as_ref().unwrap().expose_secret(), "postgres:///x");
    assert!(!format!("{settings:?}").contains("from the file"));
    std::fs::remove_file(path).unwrap();
}

#[test]
fn graphiql_is_served_in_development_unless_it_is_set() {
    for (environment, said, served) in [
        ("DEVELOPMENT", "", true),
        ("PRODUCTION", "", false),
        ("PRODUCTION", "true", true),
        ("DEVELOPMENT", "false", false),
    ] {
        let settings = settings(&[("ENV", environment), ("OCPIZZA_MANAGER_GRAPHIQL", said)]).unwrap();
        assert_eq!(settings.graphiql(), served, "{environment} {said}");
    }
}

#[test]
fn production_limits_by_default_what_development_leaves_open() {
    let development = settings(&[]).unwrap();
    assert_eq!(development.rates(), RateLimits::OFF);
    assert_eq!(development.introspection(), Introspection::EveryCaller);
    assert_eq!(development.attempt_limits(), AttemptLimits::default());

    let production = settings(&[("ENV", "PRODUCTION")]).unwrap();
    assert_eq!(production.rates(), RateLimits::PRODUCTION);
    assert_eq!(production.introspection(), Introspection::disabled());
    assert_eq!(production.attempt_limits(), AttemptLimits::default());

    let said = settings(&[
        ("ENV", "PRODUCTION"),
        ("OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "OFF"),
        ("OCPIZZA_MANAGER_RATE_PER_ADDRESS", "7/70"),
        ("OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT", "3"),
        ("OCPIZZA_MANAGER_INTROSPECTION", "DIRECTOR"),
    ])
    .unwrap();
    assert_eq!(said.rates(), RateLimits { account: RateLimit::OFF, address: RateLimit::of(7, 70) });
    assert_eq!(said.attempt_limits(), AttemptLimits { sign_in_per_account: 3, ..AttemptLimits::default() });
    assert_eq!(said.introspection(), "DIRECTOR".parse().unwrap());
}

#[test]
fn a_previous_key_needs_a_key_and_an_end() {
    let (key, previous) = (("OCPIZZA_MANAGER_KEY", "new"), ("OCPIZZA_MANAGER_KEY_PREVIOUS", "old"));
    let until = ("OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL", "2026-11-24T12:00:00Z");
    assert!(settings(&[key, previous, until]).unwrap().signing_key().is_some());
    for lacking in [&[key, previous][..], &[previous, until]] {
        assert!(matches!(settings(lacking), Err(SettingsError::PreviousKey)));
    }
}

#[test]
fn errors_of_the_file_name_its_line_and_key() {
    let misspelt = file("misspelt", "\nocpizza_manager_proceses = 2\n");
    let broken = file("broken", "port = \n");
    let listed = file("listed", "env = \"PRODUCTION\"\nport = [1, 2]\n");
    for (path, message) in [
        (
            &listed,
            "port (line 2 of LISTED, which OCPIZZA_MANAGER_SETTINGS names) must be a single value, not a list or a table",
        ),
        (
            &misspelt,
            "line 2 of MISSPELT, which OCPIZZA_MANAGER_SETTINGS names, has a key that is not a setting: \
             ocpizza_manager_proceses (did you mean ocpizza_manager_processes?)",
        ),
        (
            &broken,
            "line 1 (port) of BROKEN, which OCPIZZA_MANAGER_SETTINGS names, must be TOML: write key = \"value\"",
        ),
    ] {
        let said = settings(&[(SETTINGS_FILE, path)]).unwrap_err().to_string();
        let said = said.replace(&misspelt, "MISSPELT").replace(&broken, "BROKEN").replace(&listed, "LISTED");
        assert_eq!(said, message);
    }
    for path in [misspelt, broken, listed] {
        std::fs::remove_file(path).unwrap();
    }
    assert!(settings(&[(SETTINGS_FILE, "/nowhere.toml")]).unwrap_err().to_string().contains("/nowhere.toml"));
}

#[test]
fn errors_name_a_line_of_the_file_and_never_show_it() {
    const SECRET: &str = "s3cr3t-Value";
    for (name, text, said) in [
        ("quote", "port = 9000\nocpizza_manager_key = \"s3cr3t-Value\n", "line 2 (ocpizza_manager_key) of"),
        ("bare", "ocpizza_manager_key = s3cr3t-Value\n", "line 1 (ocpizza_manager_key) of"),
        (
            "smtp",
            "\n\nocpizza_manager_smtp_url = smtps://u:s3cr3t-Value@mail\n",
            "line 3 (ocpizza_manager_smtp_url)",
        ),
        ("alone", "port = 9000\n\ns3cr3t-Value\n", "line 3 of"),
        ("key", "s3cr3t-Value: s3cr3t-Value = 1\n", "line 1 of"),
        ("list", "port = 1\nocpizza_manager_key = [\"s3cr3t-Value\"]\n", "ocpizza_manager_key (line 2"),
        ("table", "database_url = { url = \"s3cr3t-Value\" }\n", "database_url (line 1"),
        ("twice", "ocpizza_manager_key = \"a\"\nocpizza_manager_key = \"s3cr3t-Value\"\n", "must be TOML"),
        (
            "unknown",
            "ocpizza_manager_kee = \"s3cr3t-Value\"\n",
            "not a setting: ocpizza_manager_kee (did you mean ocpizza_manager_key?)",
        ),
        ("public", "port = \"eighty\"\n", "port (line 1"),
    ] {
        let path = file(name, text);
        let error = settings(&[(SETTINGS_FILE, &path)]).unwrap_err();
        std::fs::remove_file(path).unwrap();
        let mut shown = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            shown += &format!(" {cause} {cause:?}");
            source = cause.source();
        }
        assert!(shown.contains(said), "{name}: {shown}");
        assert!(!shown.contains(SECRET), "{name}: {shown}");
        assert_eq!(error.to_string().lines().count(), 1, "{shown}");
    }
}

#[test]
fn refuses_numbers_out_of_bounds_and_names_the_bounds() {
    for (name, value, bounds) in [
        ("OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS", "0", "1 to 3650"),
        ("OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS", "4294967295", "1 to 3650"),
        ("OCPIZZA_MANAGER_DATABASE_CONNECTIONS", "4294967295", "1 to 10000"),
        ("OCPIZZA_MANAGER_PROCESSES", "0", "1 to 1000"),
        ("OCPIZZA_MANAGER_SIGN_IN_PER_ACCOUNT", "0", "1 to 1000000"),
        ("OCPIZZA_MANAGER_MAIL_PER_ADDRESS", "4294967295", "1 to 1000000"),
        ("OCPIZZA_MANAGER_CONNECTIONS_PER_ADDRESS", "0", "1 to 1000000"),
        ("OCPIZZA_MANAGER_SUBSCRIPTIONS_PER_CUSTOMER", "0", "1 to 1000000"),
        ("OCPIZZA_MANAGER_RATE_PER_ACCOUNT", "4294967295/1", "1 to 1000000"),
    ] {
        let message = settings(&[(name, value)]).unwrap_err().to_string();
        assert!(message.contains(name) && message.contains(bounds), "{message}");
    }
    let most = settings(&[("OCPIZZA_MANAGER_CONTACT_RETENTION_DAYS", "3650")]).unwrap();
    assert_eq!(most.contact_retention_days, 3_650);
}

#[test]
fn only_production_tells_browsers_to_use_https() {
    assert!(settings(&[("ENV", "PRODUCTION")]).unwrap().hardening().https_only);
    assert!(!settings(&[]).unwrap().hardening().https_only);
}

#[test]
fn app_json_sets_only_known_settings_and_starts_in_production() {
    let app: serde_json::Value = serde_json::from_str(include_str!("../../../../app.json")).unwrap();
    let env = app["env"].as_object().unwrap();
    for (name, entry) in env {
        assert!(SETTINGS.iter().any(|setting| setting.name == name), "{name} is not a setting");
        assert!(
            entry["description"].as_str().is_some_and(|text| !text.is_empty()),
            "{name} is not described"
        );
    }
    // The platform makes the key; what it gives is 64 hexadecimal digits.
    assert_eq!(env["OCPIZZA_MANAGER_KEY"]["generator"], "secret");
    let made = "0f".repeat(32);
    let given: Vec<(&str, &str)> = env
        .iter()
        .filter_map(|(name, entry)| Some((name.as_str(), entry["value"].as_str()?)))
        .chain([("OCPIZZA_MANAGER_KEY", made.as_str())])
        .collect();
    let settings = settings(&given).unwrap();
    assert_eq!(settings.environment, Environment::Production);
    crate::production::check_settings(&settings).unwrap();
    let processes: Vec<&str> =
        include_str!("../../../../Procfile").lines().filter_map(|line| line.split(':').next()).collect();
    assert_eq!(processes, ["release", "web"]);
    for name in app["formation"].as_object().unwrap().keys() {
        assert!(processes.contains(&name.as_str()), "the Procfile has no {name}");
    }
}

/// `OCPIZZA_WRITE_SETTINGS=1` writes the table instead of comparing it.
#[test]
fn the_documentation_has_every_setting() {
    const HEADER: &str =
        "| Name | Meaning | Value | Default in development | In production |\n|---|---|---|---|---|\n";
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/settings.md");
    let documents = [settings(&[]).unwrap(), settings(&[("ENV", "PRODUCTION")]).unwrap()];
    let rows = SETTINGS.iter().map(|table::Setting { name, rule, default, meaning, .. }| {
        let [development, production] = documents.each_ref().map(|settings| {
            let shown = default(settings);
            let words = shown.strip_prefix('(').and_then(|shown| shown.strip_suffix(')'));
            words.map_or_else(|| format!("`{shown}`"), str::to_owned)
        });
        format!("| `{name}` | {meaning} | {rule} | {development} | {production} |\n")
    });
    let expected = HEADER.to_owned() + &rows.collect::<String>();
    let text = std::fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_at(text.find(HEADER).expect("the table of settings"));
    let table: String = rest.split_inclusive('\n').take_while(|line| line.starts_with('|')).collect();
    if std::env::var_os("OCPIZZA_WRITE_SETTINGS").is_some() {
        std::fs::write(path, format!("{before}{expected}{}", &rest[table.len()..])).unwrap();
    } else {
        assert_eq!(table, expected, "stale: OCPIZZA_WRITE_SETTINGS=1 cargo test -p server documentation");
    }
}
