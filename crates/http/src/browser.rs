//! Response headers for browsers: CORS, by the same list as WebSockets, and the content policy of pages. Credentials are
//! not allowed by CORS, because the API uses no cookies.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HOST,
    REFERRER_POLICY, RETRY_AFTER, STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::origins::AllowedOrigins;
use super::request_id;

/// Header with the last event that a client of server-sent events has seen.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// Time for which a browser may cache a preflight response.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// Content policy of pages: they load files of this server only. Inline styles are allowed, because GraphiQL's editor
/// writes them; inline scripts are not.
pub const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                       font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; \
                       form-action 'none'; frame-ancestors 'none'";

/// Content policy of other responses, if a browser shows one as a page.
const DEFAULT_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// For this host only: the domain may have other hosts.
const HSTS_ONE_YEAR: &str = "max-age=31536000";

/// Returns the CORS layer for the allowed origins.
pub fn cors(origins: AllowedOrigins) -> CorsLayer {
    let allowed = move |origin: &HeaderValue, request: &axum::http::request::Parts| {
        origins.allows(origin, request.headers.get(HOST))
    };
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(allowed))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([
            ACCEPT,
            ACCEPT_LANGUAGE,
            AUTHORIZATION,
            CONTENT_TYPE,
            LAST_EVENT_ID,
            request_id::HEADER,
        ])
        .expose_headers([RETRY_AFTER, request_id::HEADER])
        .max_age(PREFLIGHT_MAX_AGE)
}

/// Security headers of every response.
#[derive(Debug, Clone, Copy)]
pub struct Hardening {
    /// Whether browsers must use HTTPS for this host (HSTS). They ignore the header over HTTP.
    pub https_only: bool,
}

/// Adds security headers to every response, including errors and event streams. Headers that a handler has set are kept:
/// pages and their files may be cached, other responses may contain tokens or contacts.
pub async fn harden(State(hardening): State<Hardening>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, DEFAULT_POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if hardening.https_only {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS_ONE_YEAR));
    }
    response
}

/// Returns a page, which loads only files of this server and cannot be framed.
pub fn page(html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, PAGE_POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
