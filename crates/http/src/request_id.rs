//! The id of a request, in every log entry and in the response: the client's if it is valid, else a new one. A panic in a
//! handler is answered as `INTERNAL`.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::FutureExt;
use graphql::error::ErrorCode;
use metrics::{Counter, Histogram};
use telemetry::traces;
use tracing::Instrument;
use uuid::Uuid;

use super::negotiation::MediaType;
use super::reply::failure;
use crate::operation_log::{OperationInfo, OperationOutcome, milliseconds};

/// Header of the request id.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");
/// Upper bound on a client's id.
const MAX_ID_BYTES: usize = 128;

/// Id of a request.
#[derive(Debug, Clone)]
pub struct RequestId(pub Arc<str>);

impl RequestId {
    /// Returns the client's id if it is 1 to 128 visible ASCII characters, else a new one.
    fn of(header: Option<&HeaderValue>) -> Self {
        let given = header.and_then(|value| value.to_str().ok());
        let valid = given.filter(|id| {
            (1..=MAX_ID_BYTES).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
        });
        Self(valid.map_or_else(|| Uuid::new_v4().to_string().into(), Into::into))
    }
}

/// Known paths; other paths may contain personal data and are not logged.
const ROUTES: [&str; 7] =
    ["/graphql", "/healthz", "/readyz", "/version", "/metrics", "/graphiql", OTHER_ROUTE];
const OTHER_ROUTE: &str = "other";

fn route_of(path: &str) -> &'static str {
    if path.starts_with("/graphiql") {
        return "/graphiql";
    }
    ROUTES.into_iter().find(|route| *route == path).unwrap_or(OTHER_ROUTE)
}

fn method_of(method: &Method) -> &'static str {
    let known = ["GET", "POST", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"];
    known.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// Counts a request. Metric handles are cached by route and status, of which there are few.
fn count(route: &'static str, status: StatusCode, took: Duration) {
    type Handles = HashMap<(&'static str, u16), (Counter, Histogram)>;
    static HANDLES: LazyLock<RwLock<Handles>> = LazyLock::new(RwLock::default);
    let key = (route, status.as_u16());
    let known = HANDLES.read().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
    let (requests, seconds) = known.unwrap_or_else(|| {
        let labels = [("route", route.to_owned()), ("status", key.1.to_string())];
        let requests = metrics::counter!("ocpizza_http_requests_total", &labels);
        let seconds = metrics::histogram!("ocpizza_http_request_seconds", "route" => route);
        let handles = (requests, seconds);
        HANDLES.write().unwrap_or_else(PoisonError::into_inner).insert(key, handles.clone());
        handles
    });
    requests.increment(1);
    seconds.record(took.as_secs_f64());
}

/// Returns a panic's text if it is a literal: a formatted one may contain request data.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> &'static str {
    panic.downcast_ref::<&'static str>().copied().unwrap_or("a formatted message, which is not logged")
}

/// Sets the request's id, logs and counts its outcome.
pub async fn identify(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers().get(HEADER));
    request.extensions_mut().insert(id.clone());
    let (method, route) = (method_of(request.method()), route_of(request.uri().path()));
    let span = tracing::info_span!("request", request_id = &*id.0, method, path = route);
    traces::continue_trace(&span, request.headers());
    let begun = Instant::now();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = answered.unwrap_or_else(|panic| {
        span.in_scope(|| tracing::error!(panic = panic_text(&*panic), "a request panicked"));
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        failure(status, MediaType::Json, ErrorCode::Internal, "internal error", Some(&id.0))
    });
    let elapsed = begun.elapsed();
    let status = response.status();
    let outcome = response.extensions_mut().remove::<OperationOutcome>();
    let operation = outcome.as_ref().and_then(|outcome| outcome.operation.as_deref());
    tracing::info!(
        parent: None,
        request_id = &*id.0,
        method,
        path = route,
        status = status.as_u16(),
        operation = operation.and_then(|operation| operation.name.as_deref()),
        kind = operation.map(OperationInfo::kind_str),
        cost = operation.map(|operation| operation.cost),
        duration_ms = milliseconds(elapsed),
        codes = outcome.as_ref().and_then(|outcome| outcome.codes.as_deref()),
        "answered"
    );
    count(route, status, elapsed);
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(HEADER, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_only_valid_ids() {
        let of = |text: &[u8]| RequestId::of(HeaderValue::from_bytes(text).ok().as_ref()).0;
        assert_eq!(&*of(b"abc-123"), "abc-123");
        for invalid in [&b""[..], b"a b", b"a\tb", "é".as_bytes(), &[b'a'; 129]] {
            assert_ne!(of(invalid).as_bytes(), invalid);
            assert_eq!(of(invalid).len(), 36);
        }
    }
}
