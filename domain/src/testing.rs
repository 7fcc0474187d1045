//! Test harness of every aggregate: given events, when a command, then events or a refusal. Compares values,
//! never messages.

pub(crate) mod baskets;
mod memory_store;

use std::fmt::Debug;

use crate::aggregate::Aggregate;

pub(crate) use memory_store::MemoryStore;

/// State folded from events.
#[derive(Debug)]
pub(crate) struct Given<S> {
    /// The state, for a test that looks into it.
    pub(crate) state: S,
}

/// Result of a decision.
#[derive(Debug)]
pub(crate) struct When<S: Aggregate, E> {
    state: S,
    outcome: Result<Vec<S::Event>, E>,
}

/// Folds events into a state.
pub(crate) fn given<S: Aggregate>(events: impl IntoIterator<Item = S::Event>) -> Given<S> {
    let mut state = S::default();
    for event in events {
        state.evolve(&event);
    }
    Given { state }
}

impl<S: Aggregate> Given<S> {
    /// Decides a command over the state.
    pub(crate) fn when<E>(self, decide: impl FnOnce(&S) -> Result<Vec<S::Event>, E>) -> When<S, E> {
        let outcome = decide(&self.state);
        When { state: self.state, outcome }
    }
}

impl<S: Aggregate, E: Debug + PartialEq> When<S, E> {
    /// Checks that exactly these events follow; returns the state after them.
    #[track_caller]
    pub(crate) fn then(self, expected: impl IntoIterator<Item = S::Event>) -> S {
        let expected: Vec<S::Event> = expected.into_iter().collect();
        assert_eq!(self.outcome.as_ref(), Ok(&expected));
        let mut state = self.state;
        for event in expected {
            state.evolve(&event);
        }
        state
    }

    /// Checks that the command is accepted; returns the state after its events.
    #[track_caller]
    pub(crate) fn accepted(self) -> S {
        let mut state = self.state;
        for event in self.outcome.unwrap() {
            state.evolve(&event);
        }
        state
    }

    /// Checks that the command is refused with this error.
    #[track_caller]
    pub(crate) fn then_err(self, expected: E) {
        assert_eq!(self.outcome, Err(expected));
    }
}
