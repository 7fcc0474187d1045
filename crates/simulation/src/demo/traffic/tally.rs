//! Counts of an evening, for the summary.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

/// Number of latest happenings kept.
const MAX_LATEST: usize = 5;

/// Counts so far.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Successful mutations.
    pub done: u64,
    /// Refusals of the domain by code; expected in an evening.
    pub refusals: BTreeMap<String, u64>,
    /// Other errors.
    pub errors: u64,
    /// The last error.
    pub last_error: Option<String>,
    /// The latest happenings, oldest first.
    pub latest: VecDeque<String>,
}

/// A tally that is written by the evening and read by the summary.
#[derive(Debug, Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Tally>>);

impl Shared {
    pub(super) fn read(&self) -> Tally {
        self.with(|tally| tally.clone())
    }

    pub(super) fn done(&self) {
        self.with(|tally| tally.done += 1);
    }

    pub(super) fn refused(&self, code: &str) {
        self.with(|tally| *tally.refusals.entry(code.to_owned()).or_default() += 1);
    }

    pub(super) fn failed(&self, what: String) {
        self.with(|tally| {
            tally.errors += 1;
            tally.last_error = Some(what);
        });
    }

    pub(super) fn happened(&self, what: String) {
        self.with(|tally| {
            tally.latest.push_back(what);
            if tally.latest.len() > MAX_LATEST {
                tally.latest.pop_front();
            }
        });
    }

    fn with<T>(&self, change: impl FnOnce(&mut Tally) -> T) -> T {
        // A tally is consistent after every change, so a poisoned lock is usable.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_latest_happenings_and_counts_everything() {
        let shared = Shared::default();
        for at in 0..8 {
            shared.happened(at.to_string());
        }
        shared.refused("TOO_LATE");
        shared.refused("TOO_LATE");
        shared.failed("timeout".to_owned());
        let tally = shared.read();
        assert_eq!(tally.latest, ["3", "4", "5", "6", "7"]);
        assert_eq!(tally.refusals["TOO_LATE"], 2);
        assert_eq!((tally.errors, tally.last_error.as_deref()), (1, Some("timeout")));
    }
}
