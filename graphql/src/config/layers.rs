//! The environment over the settings file, and which of the two is to blame for what cannot be read.

use std::collections::HashMap;

use config::{Config, ConfigError, File, FileFormat};

use super::{SETTINGS, Settings, SettingsError, VARIABLES};

/// What a process was told, before it is read.
#[derive(Clone)]
pub(super) struct Layers {
    /// The file, and its path.
    pub(super) file: Option<Config>,
    path: String,
    /// The variables that are set.
    pub(super) set: HashMap<&'static str, String>,
}

impl Layers {
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = variable(SETTINGS).unwrap_or_default();
        let file = if path.is_empty() { None } else { Some(Self::read(&path)?) };
        let set = VARIABLES.iter().copied().filter_map(|name| Some((name, variable(name)?))).collect();
        Ok(Self { file, path, set })
    }

    fn read(path: &str) -> Result<Config, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| SettingsError::Unreadable { path: path.to_owned(), source })?;
        let file = Config::builder().add_source(File::from_str(&text, FileFormat::Toml)).build();
        file.map_err(|source| SettingsError::File { path: path.to_owned(), source })
    }

    /// The settings; else the variable or the file that is to blame.
    pub(super) fn settings(&self) -> Result<Settings, SettingsError> {
        let error = match self.read_with(self.set.keys().copied()) {
            Ok(settings) => return Ok(settings),
            Err(error) => error,
        };
        // What is wrong is wrong by itself: no setting is read by another's value.
        for name in self.set.keys().copied() {
            let alone = Self { file: None, ..self.clone() };
            if let Err(source) = alone.read_with([name]) {
                return Err(SettingsError::Variable { name, source });
            }
        }
        Err(SettingsError::File { path: self.path.clone(), source: error })
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
