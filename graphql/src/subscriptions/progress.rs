//! How far a subscription has come, for the transport that carries it: it can then tell its client where
//! to resume, whether or not the client asked for positions, and although nothing that it shows happened.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use async_graphql::Context;
use domain::LogPosition;
use event_store::Idle;
use tokio::sync::watch;

/// Not there yet.
const NOWHERE: i64 = -1;

/// The positions of one subscription; data of its request. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Progress(Arc<Positions>);

#[derive(Debug)]
struct Positions {
    shown: AtomicI64,
    passed: AtomicI64,
    /// What says how far there is nothing more to show, of a subscription that the log's other events do not wake.
    idle: OnceLock<Nothing>,
}

#[derive(Debug)]
enum Nothing {
    /// Of a stream, since its last event.
    OfStream(Idle),
    /// Of the whole log, ever: up to its head.
    OfLog(watch::Receiver<LogPosition>),
}

impl Default for Progress {
    fn default() -> Self {
        let (shown, passed) = (AtomicI64::new(NOWHERE), AtomicI64::new(NOWHERE));
        Self(Arc::new(Positions { shown, passed, idle: OnceLock::new() }))
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

    /// The subscription is of one stream, and is woken by nothing else.
    pub(super) fn is_idle_by(&self, idle: Idle) {
        let _ = self.0.idle.set(Nothing::OfStream(idle));
    }

    /// Nothing of the log is shown, whose head this is.
    pub(super) fn shows_nothing_of(&self, head: watch::Receiver<LogPosition>) {
        let _ = self.0.idle.set(Nothing::OfLog(head));
    }
}

fn known(position: &AtomicI64) -> Option<LogPosition> {
    let position = position.load(Ordering::Acquire);
    (position > NOWHERE).then_some(LogPosition(position))
}
