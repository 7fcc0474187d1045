//! Runs an operation together with its batched reads: a read starts only when the operation can go on
//! no further without one, and with everything that it asked for until then. So the number of reads
//! follows from the shape of a query, never from how many rows it shows or how fast they are resolved.

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

/// How often an operation that wakes itself is polled again before its reads start all the same.
const PATIENCE: usize = 100;

/// The reads of an operation that have started.
type Reads = FuturesUnordered<BoxFuture<'static, ()>>;

/// The reads that one operation has asked for and that have not started.
#[derive(Clone, Default)]
pub struct Batches(Arc<Mutex<Vec<BoxFuture<'static, ()>>>>);

impl Batches {
    /// The operation's loaders. What they are asked for is read while [`Batches::run`] runs.
    pub fn loaders(&self, pool: &PgPool) -> DataLoader<Loaders> {
        let asked = self.clone();
        let later = move |read| asked.0.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        DataLoader::new(Loaders::over(pool), later).delay(Duration::ZERO)
    }

    /// The operation's loaders, as [`Self::loaders`]; what is heavy waits for its turn among the other heavy reads.
    pub fn loaders_among(&self, pool: &PgPool, heavy: &HeavyReads) -> DataLoader<Loaders> {
        let asked = self.clone();
        let later = move |read| asked.0.lock().unwrap_or_else(PoisonError::into_inner).push(read);
        DataLoader::new(Loaders::over(pool).among(heavy), later).delay(Duration::ZERO)
    }

    /// Runs an operation to its end. Dropped, it takes its reads with it.
    pub async fn run<F: Future>(self, operation: F) -> F::Output {
        let mut operation = pin!(operation);
        let mut reads = Reads::new();
        poll_fn(|cx| self.poll(&mut reads, cx, |cx| operation.as_mut().poll(cx))).await
    }

    /// Runs an operation that answers many times. Dropped, it takes its reads with it.
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
            if let Poll::Ready(output) = poll_patiently(&mut operation, cx) {
                return Poll::Ready(output);
            }
            reads.extend(self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
            match reads.poll_next_unpin(cx) {
                // The operation can go on.
                Poll::Ready(Some(())) => {}
                Poll::Ready(None) | Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// Polls until the operation waits for something else than another poll: long lists are resolved in
/// several.
fn poll_patiently<T>(mut operation: impl FnMut(&mut Context<'_>) -> Poll<T>, cx: &Context<'_>) -> Poll<T> {
    let woken = Arc::new(Woken { outer: cx.waker().clone(), already: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..PATIENCE {
        if let Poll::Ready(output) = operation(&mut Context::from_waker(&waker)) {
            return Poll::Ready(output);
        }
        if !woken.already.swap(false, Ordering::AcqRel) {
            break;
        }
    }
    Poll::Pending
}

/// Passes a wake on, and notes it.
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
