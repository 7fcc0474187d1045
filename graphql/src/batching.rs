//! Runs an operation together with its batched reads. A read starts only when the operation cannot proceed
//! without it, and covers everything requested until then. The number of reads follows from the shape of a
//! query, not from its number of rows or its timing.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_graphql::dataloader::DataLoader;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, FuturesUnordered};
use futures_util::{Stream, StreamExt};
use projections::HeavyReads;
use sqlx::PgPool;

use crate::loaders::Loaders;

/// Upper bound on the polls of an operation that wakes itself, before its reads start anyway.
const SELF_WAKE_POLLS_MAX: usize = 100;

/// The started reads of an operation.
type Reads = FuturesUnordered<BoxFuture<'static, ()>>;

/// The requested reads of one operation that have not started.
#[derive(Clone, Default)]
pub struct Batches(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Batches {
    /// Creates the operation's loaders, whose reads run in [`Batches::run`].
    pub fn loaders(&self, pool: &PgPool) -> DataLoader<Loaders> {
        let asked = self.clone();
        let later = move |read| asked.0.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        DataLoader::new(Loaders::over(pool), later).delay(Duration::ZERO)
    }

    /// Creates the operation's loaders like [`Self::loaders`]; heavy reads share a limit with those of other
    /// operations.
    pub fn loaders_among(&self, pool: &PgPool, heavy: &HeavyReads) -> DataLoader<Loaders> {
        let asked = self.clone();
        let later = move |read| asked.0.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        DataLoader::new(Loaders::over(pool).among(heavy), later).delay(Duration::ZERO)
    }

    /// Runs an operation to completion. Dropping it cancels its reads.
    pub async fn run<F: Future>(self, operation: F) -> F::Output {
        let mut operation = pin!(operation);
        let mut reads = Reads::new();
        poll_fn(|cx| self.poll(&mut reads, cx, |cx| operation.as_mut().poll(cx))).await
    }

    /// Runs an operation with a stream of results. Dropping it cancels its reads.
    pub fn run_stream<S: Stream + Unpin>(self, mut operation: S) -> impl Stream<Item = S::Item> {
        let mut reads = Reads::new();
        stream::poll_fn(move |cx| self.poll(&mut reads, cx, |cx| operation.poll_next_unpin(cx)))
    }

    fn poll<T>(
        &self,
        reads: &mut Reads,
        cx: &mut Context<'_>,
        mut operation: impl FnMut(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        loop {
            if let Poll::Ready(output) = poll_until_blocked(&mut operation, cx) {
                return Poll::Ready(output);
            }
            reads.extend(self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
            match reads.poll_next_unpin(cx) {
                // A read has finished: the operation can proceed.
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Polls until the operation waits for something other than another poll; long lists take several polls.
fn poll_until_blocked<T>(
    mut operation: impl FnMut(&mut Context<'_>) -> Poll<T>,
    cx: &Context<'_>,
) -> Poll<T> {
    let woken = Arc::new(Woken { outer: cx.waker().clone(), already: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..SELF_WAKE_POLLS_MAX {
        if let Poll::Ready(output) = operation(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        if !woken.already.swap(false, Ordering::AcqRel) {
            break;
        }
    }
    Poll::Pending
}

/// Forwards a wake-up and records it.
struct Woken {
    outer: Waker,
    already: AtomicBool,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.already.store(true, Ordering::Release);
        self.outer.wake_by_ref();
    }
}
