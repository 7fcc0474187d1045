//! The environment over the settings file. A line of the file may hold a secret: errors name the line and its key,
//! and never show its text.

use std::collections::HashMap;
use std::fmt::{Display, Formatter};

use config::{Config, ConfigError, File, FileFormat};

use super::error::{SETTINGS_FILE, SettingsError};
use super::table::{SETTINGS, Setting};
use super::value::Given;

/// Length of the longest key of the file that is shown; longer text is not a misspelt setting.
const MAX_KEY_CHARS: usize = 64;
/// Jaro-Winkler similarity from which a setting is suggested for an unknown key.
const MIN_SIMILARITY: f64 = 0.8;

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// It is not set.
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

/// The texts of the settings.
pub(super) struct Layers {
    merged: Config,
    path: String,
    text: String,
    set: HashMap<String, String>,
}

impl Layers {
    /// Reads the variables, and the file that one of them may name. An empty variable counts as not set.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = variable(SETTINGS_FILE).unwrap_or_default();
        let text = if path.is_empty() { String::new() } else { read_file(&path)? };
        let named = SETTINGS.iter().filter_map(|setting| Some((setting.name, variable(setting.name)?)));
        let set: HashMap<String, String> = named.map(|(name, value)| (name.to_owned(), value)).collect();
        let merged = Config::builder()
            .add_source(File::from_str(&text, FileFormat::Toml))
            .add_source(config::Environment::default().source(Some(set.clone())))
            .build()
            .map_err(|_| not_toml(&path, &text, None))?;
        Ok(Self { merged, path, text, set })
    }

    /// Returns the text of a setting, and where it comes from; `None` if it is not set.
    pub(super) fn given(&self, setting: &Setting) -> Result<Option<(Given, Source)>, SettingsError> {
        let key = setting.name.to_ascii_lowercase();
        let (input, source) = if self.set.contains_key(setting.name) {
            (setting.name.to_owned(), Source::Environment)
        } else {
            let line = line_of(&self.text, &key);
            let place = format!("line {line} of {}, which {SETTINGS_FILE} names", self.path);
            (format!("{key} ({place})"), Source::File)
        };
        match self.merged.get_string(&key) {
            Ok(text) => Ok(Some((Given { text, input }, source))),
            Err(ConfigError::NotFound(_)) => Ok(None),
            Err(_) => {
                let (rule, given) = ("a single value".to_owned(), "not a list or a table".to_owned());
                Err(SettingsError::Invalid { input, rule, given })
            }
        }
    }
}

/// Reads the file, and refuses a key that is not a setting.
fn read_file(path: &str) -> Result<String, SettingsError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
    // The parser's own message quotes the line.
    let table: toml::Table =
        toml::from_str(&text).map_err(|error| not_toml(path, &text, error.span().map(|span| span.start)))?;
    match table.keys().find(|key| !is_setting(key)) {
        None => Ok(text),
        Some(key) => {
            let line = line_of(&text, key);
            let key = if is_bare(key) { format!(": {key}{}", suggestion(key)) } else { String::new() };
            Err(SettingsError::UnknownKey { path: path.to_owned(), line, key })
        }
    }
}

fn not_toml(path: &str, text: &str, at: Option<usize>) -> SettingsError {
    let line = at.map_or(1, |at| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1);
    let key = text.lines().nth(line - 1).and_then(key_of).filter(|key| is_setting(key));
    let key = key.map_or_else(String::new, |key| format!(" ({key})"));
    SettingsError::NotToml { path: path.to_owned(), line, key }
}

/// Returns the line on which a key is set, from 1.
fn line_of(text: &str, key: &str) -> usize {
    text.lines().position(|line| key_of(line) == Some(key)).map_or(1, |at| at + 1)
}

/// Returns the key of a line, if it has one.
fn key_of(line: &str) -> Option<&str> {
    let (key, _) = line.split_once('=')?;
    let key = key.trim().trim_matches(['"', '\'']);
    is_bare(key).then_some(key)
}

fn is_bare(key: &str) -> bool {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    (1..=MAX_KEY_CHARS).contains(&key.len()) && key.bytes().all(is_bare)
}

fn is_setting(key: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.name.to_ascii_lowercase() == key)
}

/// Names the setting that an unknown key is most like, if one is.
fn suggestion(key: &str) -> String {
    let known = SETTINGS.iter().map(|setting| setting.name.to_ascii_lowercase());
    let similar = known.map(|name| (strsim::jaro_winkler(&name, key), name));
    let similar = similar.filter(|(similarity, _)| *similarity >= MIN_SIMILARITY);
    let best = similar.max_by(|(one, _), (other, _)| one.total_cmp(other));
    best.map_or_else(String::new, |(_, name)| format!(" (did you mean {name}?)"))
}
