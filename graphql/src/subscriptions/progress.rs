//! How far a subscription has come, for the transport that carries it: it can then tell its client where
//! to resume, whether or not the client asked for positions, and although nothing that it shows happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_graphql::Context;
use domain::LogPosition;

/// Not there yet.
const NOWHERE: i64 = -1;

/// The positions of one subscription; data of its request. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Positions>);

#[derive(Debug)]
struct Positions {
    shown: AtomicI64,
    passed: AtomicI64,
}

impl Default for Progress {
    fn default() -> Self {
        Self(Arc::new(Positions { shown: AtomicI64::new(NOWHERE), passed: AtomicI64::new(NOWHERE) }))
    }
}

impl Progress {
    /// The one of the request at hand.
    pub(super) fn of(ctx: &Context<'_>) -> Self {
        ctx.data_opt::<Self>().cloned().unwrap_or_default()
    }

    /// Takes note that the next item is of this position.
    pub(super) fn show(&self, position: LogPosition) {
        self.0.shown.store(position.0, Ordering::Release);
    }

    /// Takes note that everything up to a position was shown, or has nothing to show. Items that are
    /// still on their way to the transport have not passed: it comes back for more once it has them.
    pub(super) fn pass(&self, position: LogPosition) {
        self.0.passed.fetch_max(position.0, Ordering::AcqRel);
    }

    /// The position of the item at hand.
    pub fn shown(&self) -> Option<LogPosition> {
        known(&self.0.shown)
    }

    /// Whoever has received every item until now has missed nothing at or below this position.
    pub fn passed(&self) -> Option<LogPosition> {
        known(&self.0.passed)
    }
}

fn known(position: &AtomicI64) -> Option<LogPosition> {
    let position = position.load(Ordering::Acquire);
    (position > NOWHERE).then_some(LogPosition(position))
}
