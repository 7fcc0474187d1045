//! Turns SIGINT (Ctrl-C) and SIGTERM into a flag that tasks wait for. Stops nothing itself.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// Flag that is set by the first signal.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for the signals, which no longer end the process by themselves.
    pub(crate) fn listen() -> std::io::Result<Self> {
        let (mut interrupt, mut terminate) =
            (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            asked.send_replace(true);
        });
        Ok(Self(stop))
    }

    /// Returns whether a signal arrived.
    pub(crate) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Completes once a signal has arrived.
    pub(crate) async fn asked(mut self) {
        // The sender is dropped only after it has set the flag, or with the runtime.
        let _ = self.0.wait_for(|asked| *asked).await;
    }
}
