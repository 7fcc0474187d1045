//! The environment over the settings file, and which of the two is to blame for what cannot be read. A line of
//! the file may hold a secret: errors name the line and its key, and never show its text.

use std::collections::HashMap;

use config::{Config, ConfigError, File, FileFormat};

use super::effective::is_secret;
use super::{SETTINGS, Settings, SettingsError, VARIABLES};

/// The longest key of the file that is shown; longer text is no key of ours.
const MAX_KEY: usize = 64;

/// What a process was told, before it is read.
#[derive(Clone)]
pub(super) struct Layers {
    /// The file, and its path.
    pub(super) file: Option<Config>,
    path: String,
    text: String,
    /// The variables that are set.
    pub(super) set: HashMap<&'static str, String>,
}

impl Layers {
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = variable(SETTINGS).unwrap_or_default();
        let (file, text) = match path.as_str() {
            "" => (None, String::new()),
            path => Self::read(path).map(|(file, text)| (Some(file), text))?,
        };
        let set = VARIABLES.iter().copied().filter_map(|name| Some((name, variable(name)?))).collect();
        Ok(Self { file, path, text, set })
    }

    fn read(path: &str) -> Result<(Config, String), SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let not_toml = |at: Option<usize>| {
            let line = at.map_or(1, |at| line_number(&text, at));
            let key = text.lines().nth(line - 1).and_then(key_of).filter(|key| is_known(key));
            let key = key.map_or_else(String::new, |key| format!(" ({key})"));
            SettingsError::NotToml { path: path.to_owned(), line, key }
        };
        let parsed: Result<toml::Table, _> = toml::from_str(&text);
        // The parser's own message quotes the line.
        parsed.map_err(|error| not_toml(error.span().map(|span| span.start)))?;
        let file = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
        file.map(|file| (file, text.clone())).map_err(|_| not_toml(None))
    }

    /// The settings; else the variable, or the key of the file, that is to blame.
    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        let error = match self.read_with(self.set.keys().copied()) {
            Ok(settings) => return Ok(settings),
            Err(error) => error,
        };
        // What is wrong is wrong by itself: no setting is read by another's value.
        for name in self.set.keys().copied() {
            let alone = Self { file: None, ..self.clone() };
            if let Err(source) = alone.read_with([name]) {
                return Err(SettingsError::Variable { name, why: why(name, &source) });
            }
        }
        Err(self.blame_file(&error))
    }

    /// What is wrong with the file: its first key that is no setting, or whose value cannot be used.
    fn blame_file(&self, error: &ConfigError) -> SettingsError {
        let path = self.path.clone();
        let table: toml::Table = toml::from_str(&self.text).unwrap_or_default();
        for key in table.into_iter().map(|(key, _)| key) {
            let line = self.text.lines().position(|line| key_of(line) == Some(&key)).map_or(1, |at| at + 1);
            if !is_known(&key) {
                let key = if is_bare(&key) { format!(": {key}") } else { String::new() };
                return SettingsError::UnknownKey { path, line, key };
            }
            if let Err(source) = self.read_key(&key) {
                let why = why(&key.to_ascii_uppercase(), &source);
                return SettingsError::Key { path, line, key, why };
            }
        }
        SettingsError::Key { path, line: 1, key: "?".to_owned(), why: why("", error) }
    }

    /// The settings by one key of the file.
    fn read_key(&self, key: &str) -> Result<Settings, ConfigError> {
        let value: config::Value = self.file.clone().unwrap_or_default().get(key)?;
        Config::builder().set_override(key, value)?.build()?.try_deserialize()
    }

    /// The settings by the file and some of the variables.
    fn read_with(&self, names: impl IntoIterator<Item = &'static str>) -> Result<Settings, ConfigError> {
        let named = names.into_iter().filter_map(|name| Some((name.to_owned(), self.set.get(name)?.clone())));
        let set: HashMap<String, String> = named.collect();
        let variables = config::Environment::default().source(Some(set));
        let file = self.file.clone().unwrap_or_default();
        Config::builder().add_source(file).add_source(variables).build()?.try_deserialize()
    }
}

/// What is wrong with a value, unless saying so could show a secret.
fn why(name: &str, error: &ConfigError) -> String {
    if is_secret(name) {
        "it must be a text (not shown: it is a secret)".to_owned()
    } else {
        error.to_string()
    }
}

/// The number of the line that holds a byte.
fn line_number(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

/// The key of a line, if it has one.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim().trim_matches(['"', '\'']);
    is_bare(key).then_some(key)
}

fn is_bare(key: &str) -> bool {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=MAX_KEY).contains(&key.len()) && key.bytes().all(is_bare)
}

fn is_known(key: &str) -> bool {
    VARIABLES.iter().any(|name| name.to_ascii_lowercase() == key)
}
