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
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use sqlx::PgPool;

use crate::loaders::Loaders;

/// How often an operation that wakes itself is polled again before its reads start all the same.
const PATIENCE: usize = 100;

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

    /// Runs the operation to its end. Dropped, it takes its reads with it.
    pub async fn run<F: Future>(&self, operation: F) -> F::Output {
        let mut operation = pin!(operation);
        let mut reads = FuturesUnordered::new();
        poll_fn(|cx| {
            loop {
                if let Poll::Ready(output) = poll_patiently(operation.as_mut(), cx) {
                    return Poll::Ready(output);
                }
                reads.extend(self.0.lock().unwrap_or_else(PoisonError::into_inner).drain(..));
                match reads.poll_next_unpin(cx) {
                    // The operation can go on.
                    Poll::Ready(Some(())) => {}
                    Poll::Ready(None) | Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await
    }
}

/// Polls until the operation waits for something else than another poll: long lists are resolved in
/// several.
fn poll_patiently<F: Future>(mut operation: std::pin::Pin<&mut F>, cx: &Context<'_>) -> Poll<F::Output> {
    let woken = Arc::new(Woken { outer: cx.waker().clone(), already: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&woken));
    for _ in 0..PATIENCE {
        if let Poll::Ready(output) = operation.as_mut().poll(&mut Context::from_waker(&waker)) {
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
