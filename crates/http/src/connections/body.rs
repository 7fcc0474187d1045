//! The body of a request, and what of it a handler left unread. A connection can carry another request only
//! once the body is read to its end; otherwise the answer must say that the connection closes.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};

/// How much of a body that no handler wants is read to keep the connection, in bytes.
const MAX_DRAINED_BYTES: usize = 256 * 1024;
/// And for how long.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(1);

/// A body whose unread rest outlives the handler.
pub(super) struct KeptBody {
    /// `None` at the end.
    body: Option<Incoming>,
    rest: Rest,
}

/// What a handler left of a body.
#[derive(Clone, Default)]
pub(super) struct Rest(Arc<Mutex<Option<Incoming>>>);

impl KeptBody {
    /// Wraps a body; returns where its rest will be.
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
    /// Reads the rest to its end; `false` if it is too much, too slow or broken.
    pub(super) async fn drain(&self) -> bool {
        match self.take() {
            Some(body) => tokio::time::timeout(DRAIN_TIMEOUT, drain(body)).await.unwrap_or(false),
            None => true,
        }
    }

    /// Whether nothing is left.
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
