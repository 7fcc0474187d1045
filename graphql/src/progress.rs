//! Progress of a subscription, for its transport: tells the client where to resume, even if the client did
//! not select positions and although no event yielded an item.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use async_graphql::Context;
use domain::LogPosition;
use event_store::Idle;
use tokio::sync::watch;

/// No position yet.
const NO_POSITION: i64 = -1;

/// The positions of one subscription, as data of its request; clones share them.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Positions>);

#[derive(Debug)]
struct Positions {
    shown: AtomicI64,
    passed: AtomicI64,
    /// Source of positions without items, for a subscription that other events of the log do not wake.
    idle: OnceLock<Nothing>,
}

#[derive(Debug)]
enum Nothing {
    /// One stream: the position searched since its last event.
    OfStream(Idle),
    /// The whole log: every position up to its head.
    OfLog(watch::Receiver<LogPosition>),
}

impl Default for Progress {
    fn default() -> Self {
        let (shown, passed) = (AtomicI64::new(NO_POSITION), AtomicI64::new(NO_POSITION));
        Self(Arc::new(Positions { shown, passed, idle: OnceLock::new() }))
    }
}

impl Progress {
    /// Returns the progress of the current request.
    pub(crate) fn of(ctx: &Context<'_>) -> Self {
        ctx.data_opt::<Self>().cloned().unwrap_or_default()
    }

    /// Records the position of the next item.
    pub(crate) fn show(&self, position: LogPosition) {
        self.0.shown.store(position.0, Ordering::Release);
    }

    /// Records that everything up to a position was delivered or yields no item. The transport has taken all
    /// previous items when it polls for more.
    pub(crate) fn pass(&self, position: LogPosition) {
        self.0.passed.fetch_max(position.0, Ordering::AcqRel);
    }

    /// Returns the position of the current item.
    pub fn shown(&self) -> Option<LogPosition> {
        known(&self.0.shown)
    }

    /// Returns the position up to which a client that received all items has missed nothing.
    pub fn passed(&self) -> Option<LogPosition> {
        let passed = known(&self.0.passed)?;
        let idle = match self.0.idle.get() {
            Some(Nothing::OfStream(idle)) => idle.up_to(passed),
            Some(Nothing::OfLog(head)) => Some(*head.borrow()),
            None => None,
        };
        if let Some(idle) = idle {
            self.pass(idle);
        }
        known(&self.0.passed)
    }

    /// Declares that the subscription follows one stream only and is not woken by others.
    pub(crate) fn is_idle_by(&self, idle: Idle) {
        let _ = self.0.idle.set(Nothing::OfStream(idle));
    }

    /// Declares that the subscription shows no events of the log with this head.
    pub(crate) fn shows_nothing_of(&self, head: watch::Receiver<LogPosition>) {
        let _ = self.0.idle.set(Nothing::OfLog(head));
    }
}

fn known(position: &AtomicI64) -> Option<LogPosition> {
    let position = position.load(Ordering::Acquire);
    (position > NO_POSITION).then_some(LogPosition(position))
}
