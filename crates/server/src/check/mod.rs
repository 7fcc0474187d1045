//! Checks a deployment from outside, over HTTP and WebSocket: its health, and whether a whole order goes through. Needs no
//! database.

mod client;
mod deployment;
pub mod functional;
mod steps;

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use client::{Target, TargetError};
pub use deployment::check;

/// One check and its result.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// Name of the check.
    pub check: String,
    /// Whether it passed.
    pub ok: bool,
    /// Whether it passed with a warning.
    pub warning: bool,
    /// Result; the cause of a failure.
    pub found: String,
    /// Duration in milliseconds.
    pub milliseconds: u64,
}

/// Checks in order. The first failure is the cause.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// The checks.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Notes the result of a check that began at `begun`; returns whether it passed.
    pub(super) fn note(&mut self, check: &str, begun: Instant, found: Result<String, String>) -> bool {
        let ok = found.is_ok();
        let (Ok(found) | Err(found)) = found;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (check, found) = (check.to_owned(), one_line(&found));
        self.findings.push(Finding { check, ok, warning: false, found, milliseconds });
        ok
    }

    /// Notes a check that passed with a warning.
    pub(super) fn warn(&mut self, check: &str, begun: Instant, found: &str) {
        self.note(check, begun, Ok(found.to_owned()));
        if let Some(finding) = self.findings.last_mut() {
            finding.warning = true;
        }
    }

    /// Returns the first failure in one line; `None` if every check passed.
    pub fn cause(&self) -> Option<String> {
        let fault = self.findings.iter().find(|finding| !finding.ok)?;
        Some(format!("{}: {}", fault.check, fault.found))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.findings.iter().map(|finding| finding.check.len()).max().unwrap_or_default();
        for Finding { check, ok, warning, found, milliseconds } in &self.findings {
            let ok = match (ok, warning) {
                (true, false) => "ok",
                (true, true) => "warn",
                (false, _) => "FAILED",
            };
            writeln!(f, "{check:width$}  {ok:6}  {milliseconds:>6} ms  {found}")?;
        }
        Ok(())
    }
}

/// Shortens a text to one line without control characters: answers of other servers are printed on a terminal.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|char| !char.is_control()).take(300).collect()
}

/// Time between two reads of a state that is expected to change.
const POLL_DELAY: Duration = Duration::from_millis(100);
