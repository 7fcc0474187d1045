//! The id of a request: the client's if it is decent, else a new one; in every log line and in the
//! answer. A panic below is caught here, and answered as `INTERNAL`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use tracing::Instrument;
use uuid::Uuid;

use super::negotiation::{MediaType, failure};
use crate::error::ErrorCode;

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over, in bytes.
const LONGEST: usize = 128;

/// The id of the request at hand.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// The client's id if it is 1 to 128 visible ASCII characters, else a new one.
    fn of(header: Option<&HeaderValue>) -> Self {
        let given = header.and_then(|value| value.to_str().ok());
        let decent = given
            .filter(|id| (1..=LONGEST).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic()));
        Self(decent.map_or_else(|| Uuid::new_v4().to_string().into(), Into::into))
    }
}

/// What a panic left behind, where the program wrote it: what was put together may hold what was sent.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &'static str {
    panic.downcast_ref::<&'static str>().copied().unwrap_or("words that are not logged")
}

/// Gives the request its id, logs how it ended, and counts it.
pub async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers().get(HEADER));
    request.extensions_mut().insert(id.clone());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let span = tracing::info_span!("request", request_id = %id.0, %method, path);
    let begun = Instant::now();
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answer.unwrap_or_else(|panic| {
        span.in_scope(|| tracing::error!(panic = panic_text(&*panic), "a request panicked"));
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        failure(status, MediaType::Json, ErrorCode::Internal, "internal error", Some(&id.0))
    });
    let elapsed = begun.elapsed();
    let status = response.status();
    span.in_scope(|| tracing::debug!(status = status.as_u16(), ?elapsed, "answered"));
    metrics::counter!("ocpizza_http_requests_total", "status" => status.as_u16().to_string()).increment(1);
    metrics::histogram!("ocpizza_http_request_seconds").record(elapsed.as_secs_f64());
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decent_id_is_taken_over_and_nothing_else() {
        let of = |text: &[u8]| RequestId::of(HeaderValue::from_bytes(text).ok().as_ref()).0;
        assert_eq!(&*of(b"abc-123"), "abc-123");
        for indecent in [&b""[..], b"a b", b"a\tb", "é".as_bytes(), &[b'a'; 129]] {
            assert_ne!(of(indecent).as_bytes(), indecent);
            assert_eq!(of(indecent).len(), 36);
        }
    }
}
