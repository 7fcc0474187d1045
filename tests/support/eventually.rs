//! Waiting for a condition with a deadline, instead of sleeping.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// Deadline of every wait; long, because machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until `probe` returns a value; panics after [`DEADLINE`].
#[track_caller]
pub fn eventually<T, F>(what: &str, mut probe: impl FnMut() -> F) -> impl Future<Output = T>
where
    F: Future<Output = Option<T>>,
{
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(value) = probe().await {
                return value;
            }
            assert!(Instant::now() < deadline, "{caller}: not within {DEADLINE:?}: {what}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Awaits a future; panics after [`DEADLINE`].
#[track_caller]
pub fn within<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let caller = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(DEADLINE, future).await {
            Ok(output) => output,
            Err(_elapsed) => panic!("{caller}: not within {DEADLINE:?}"),
        }
    }
}
