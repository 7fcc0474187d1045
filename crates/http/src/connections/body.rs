//! The body of a request and the rest that its handler did not read. A connection can carry another request only
//! after the body is read to its end; otherwise the response must announce that the connection closes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// Upper bound on an unread rest that is drained to keep the connection.
const MAX_DRAINED_BYTES: usize = 256 * 1024;
/// Time limit for draining.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A body whose unread rest outlives the handler.
pub(super) struct KeptBody {
    /// `None` after the end.
    body: Option<Incoming>,
    rest: Rest,
}

/// The unread rest of a body.
#[derive(Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Incoming>>>);

impl KeptBody {
    /// Wraps a body; also returns its rest, which is set when the body is dropped.
    pub(super) fn new(body: Incoming) -> (Self, Rest) {
        let rest = Rest::default();
        let body = Some(body).filter(|body| !body.is_end_stream());
        (Self { body, rest: rest.clone() }, rest)
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        if let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) {
            *self.rest.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(body);
        }
    }
}

impl Body for KeptBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let polled = Pin::new(body).poll_frame(cx);
        if matches!(polled, Poll::Ready(None)) {
            self.body = None;
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Incoming::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Incoming::size_hint)
    }
}

impl Rest {
    /// Reads the rest to its end; returns `false` if it is too large, too slow or broken.
    pub(super) async fn drain(&self) -> bool {
        match self.take() {
            Some(body) => tokio::time::timeout(DRAIN_TIMEOUT, drain(body)).await.unwrap_or(false),
            None => true,
        }
    }

    /// Returns whether the body was read to its end.
    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn take(&self) -> Option<Incoming> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

async fn drain(mut body: Incoming) -> bool {
    let mut left = MAX_DRAINED_BYTES;
    if body.size_hint().lower() > left as u64 {
        return false;
    }
    loop {
        match poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
            None => return true,
            Some(Err(_)) => return false,
            Some(Ok(frame)) => match left.checked_sub(frame.data_ref().map_or(0, Bytes::len)) {
                Some(less) => left = less,
                None => return false,
            },
        }
    }
}
