//! Stand-ins for what production needs: one list, which the log at start, `--print-config`, `/readyz`, `check` and
//! `docs/settings.md` show. In production, an entry without its setting is closed or a warning.

use serde_json::{Value, json};

use crate::config::{Environment, Settings};

/// State of a stand-in in a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StandInState {
    /// The real thing is configured.
    Configured,
    /// A stand-in is used, as in development.
    StandIn,
    /// In production, without it: operations that need it are refused.
    Closed,
    /// In production, without it: the process works with less, and logs a warning.
    Warning,
    /// In production, without it: as [`Self::Warning`], and `check` fails.
    Missing,
}

impl StandInState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Configured, Self::StandIn, Self::Closed, Self::Warning, Self::Missing];

    /// Returns the name shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "CONFIGURED",
            Self::StandIn => "STAND_IN",
            Self::Closed => "CLOSED",
            Self::Warning => "WARNING",
            Self::Missing => "MISSING",
        }
    }
}

/// One thing that production needs and development can replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StandIn {
    /// Name of the thing.
    pub name: &'static str,
    /// The setting that configures it.
    pub setting: &'static str,
    /// State in this process.
    pub state: StandInState,
    /// Consequence of its absence; empty if it is configured.
    pub consequence: &'static str,
}

impl StandIn {
    /// Returns the entry as `/readyz` shows it.
    pub(crate) fn to_json(self) -> Value {
        json!({ "name": self.name, "state": self.state.as_str(), "detail": self.consequence })
    }
}

/// One thing, independent of settings.
struct Entry {
    name: &'static str,
    setting: &'static str,
    is_configured: fn(&Settings) -> bool,
    /// Stand-in in development.
    development: &'static str,
    /// State and consequence in production without it.
    production: (StandInState, &'static str),
}

const ENTRIES: &[Entry] = &[
    Entry {
        name: "payment provider",
        setting: "(none yet)",
        is_configured: |_| false,
        development: "a demo service accepts cards and moves no money",
        production: (StandInState::Closed, "nothing is paid online: ONLINE_PAYMENT_UNAVAILABLE"),
    },
    Entry {
        name: "token key",
        setting: "OCPIZZA_MANAGER_KEY",
        is_configured: |settings| settings.key.is_some(),
        development: "a key stored in the database",
        production: (StandInState::Closed, "serve does not start"),
    },
    Entry {
        name: "mail server",
        setting: "OCPIZZA_MANAGER_SMTP_URL",
        is_configured: |settings| settings.smtp_url.is_some(),
        development: "mails are written to a directory",
        production: (
            StandInState::Warning,
            "no mail is sent: addresses are not verified, passwords not reset",
        ),
    },
    Entry {
        name: "links in mails",
        setting: "OCPIZZA_MANAGER_PUBLIC_URL",
        is_configured: |settings| settings.public_url.is_some(),
        development: "mails show the bare token",
        production: (StandInState::Warning, "mails show the bare token"),
    },
    Entry {
        name: "signing key of heads",
        setting: "OCPIZZA_MANAGER_SIGNING_KEY",
        is_configured: |settings| settings.heads_key.is_some(),
        development: "derived from the token key",
        production: (StandInState::Warning, "derived from OCPIZZA_MANAGER_KEY, which then signs heads too"),
    },
    Entry {
        name: "destination of heads",
        setting: "OCPIZZA_MANAGER_HEADS_TO",
        is_configured: |settings| settings.heads_to.is_some(),
        development: "heads are in the database alone",
        production: (
            StandInState::Missing,
            "heads are in the database alone: its owner can rewrite the log; set it to stdout at least (docs/audit.md)",
        ),
    },
    Entry {
        name: "access to metrics",
        setting: "OCPIZZA_MANAGER_METRICS_TOKEN",
        is_configured: |settings| settings.metrics_token.is_some(),
        development: "metrics are shown to any caller",
        production: (StandInState::Closed, "metrics are shown to no caller"),
    },
];

/// Returns the stand-ins under the given settings.
pub fn stand_ins(settings: &Settings) -> Vec<StandIn> {
    let of = |entry: &Entry| {
        let (state, consequence) = match ((entry.is_configured)(settings), settings.environment) {
            (true, _) => (StandInState::Configured, ""),
            (false, Environment::Development) => (StandInState::StandIn, entry.development),
            (false, Environment::Production) => entry.production,
        };
        StandIn { name: entry.name, setting: entry.setting, state, consequence }
    };
    ENTRIES.iter().map(of).collect()
}

/// Logs what is not configured in production.
pub fn log_missing(settings: &Settings) {
    for StandIn { name, setting, state, consequence } in stand_ins(settings) {
        match state {
            StandInState::Configured | StandInState::StandIn => {}
            StandInState::Closed => tracing::info!(setting, "{name} is not configured: {consequence}"),
            StandInState::Warning | StandInState::Missing => {
                tracing::warn!(setting, "{name} is not configured: {consequence}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCS: &str = include_str!("../../../docs/settings.md");

    fn under(variables: &[(&str, &str)]) -> Vec<StandIn> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        stand_ins(&Settings::from_variables(variable).unwrap())
    }

    #[test]
    fn production_reports_every_stand_in() {
        assert!(under(&[]).iter().all(|entry| entry.state == StandInState::StandIn));
        for entry in under(&[("ENV", "PRODUCTION")]) {
            assert!(!matches!(entry.state, StandInState::Configured | StandInState::StandIn), "{entry:?}");
            assert!(!entry.consequence.is_empty());
        }
        let heads = [("ENV", "PRODUCTION"), ("OCPIZZA_MANAGER_HEADS_TO", "stdout")];
        let heads = under(&heads).into_iter().find(|entry| entry.name == "destination of heads").unwrap();
        assert_eq!((heads.state, heads.consequence), (StandInState::Configured, ""));
    }

    #[test]
    fn the_documentation_has_the_list_word_for_word() {
        let rows: Vec<String> = ENTRIES
            .iter()
            .map(|Entry { name, setting, development, production: (state, consequence), .. }| {
                let setting = match setting.starts_with('(') {
                    true => (*setting).to_owned(),
                    false => format!("`{setting}`"),
                };
                format!("| {name} | {setting} | {development} | {}: {consequence} |", state.as_str())
            })
            .collect();
        let begun = DOCS.find("| Thing | Setting |").expect("the table of stand-ins");
        let documented: Vec<&str> =
            DOCS[begun..].lines().skip(2).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(documented, rows);
    }
}
