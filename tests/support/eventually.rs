//! Waiting for a condition, with a deadline: tests never sleep for luck.

use std::future::Future;
use std::time::Duration;

use tokio::time::Instant;

/// How long anything may take before a test fails: long, because machines are shared.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until `probe` gives a value.
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

/// Waits for something that must come.
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
