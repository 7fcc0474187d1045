//! Checks of a deployment from outside, over HTTP and WebSocket as clients use it: whether it is deployed, and
//! whether a whole order goes through. Needs no database.

mod client;
mod deployment;
pub mod functional;
mod steps;

use std::fmt;
use std::time::{Duration, Instant};

use serde::Serialize;

pub use client::{Target, TargetError};
pub use deployment::check;

/// Something that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at.
    pub check: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// Whether it is good enough, and could be better.
    pub warning: bool,
    /// What was found; of a fault, its cause.
    pub found: String,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
}

/// What was looked at, in order. The first fault is the cause.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// What was found.
    pub findings: Vec<Finding>,
}

impl Report {
    /// Notes what was found since `begun`; whether it is as it should be.
    pub(super) fn note(&mut self, check: &str, begun: Instant, found: Result<String, String>) -> bool {
        let ok = found.is_ok();
        let (Ok(found) | Err(found)) = found;
        let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (check, found) = (check.to_owned(), one_line(&found));
        self.findings.push(Finding { check, ok, warning: false, found, milliseconds });
        ok
    }

    /// Notes what is good enough, and could be better.
    pub(super) fn warn(&mut self, check: &str, begun: Instant, found: &str) {
        self.note(check, begun, Ok(found.to_owned()));
        if let Some(finding) = self.findings.last_mut() {
            finding.warning = true;
        }
    }

    /// The first fault, in one line; none when everything is as it should be.
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

/// In one line, and not a long one: what others have written is shown on a terminal.
fn one_line(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().filter(|char| !char.is_control()).take(300).collect()
}

/// A wait between two looks at something that is about to be.
const AGAIN: Duration = Duration::from_millis(100);
