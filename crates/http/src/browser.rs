//! What browsers are told: which pages may call (CORS, by the same list as WebSockets), and what a page
//! of ours may load. Nothing here needs cookies, so none are allowed.

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

/// Where a client of server-sent events says what it has seen.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long a browser may remember what it was allowed.
const REMEMBERED: Duration = Duration::from_secs(600);

/// What a page of ours may load: what this server serves, and nothing from anybody else. Styles may
/// stand in the page, because editors write them there; scripts may not.
pub const PAGE_CONTENT: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                       font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; base-uri 'none'; \
                       form-action 'none'; frame-ancestors 'none'";

/// And what an answer that is no page may load, should a browser show it as one.
const NO_CONTENT: &str = "default-src 'none'; frame-ancestors 'none'";
/// Of this host alone: others of the same domain may not be ours.
const HTTPS_FOR_A_YEAR: &str = "max-age=31536000";

/// Cross-origin requests of allowed pages.
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
        .max_age(REMEMBERED)
}

/// What every answer tells a browser about itself.
#[derive(Debug, Clone, Copy)]
pub struct Hardening {
    /// Whether browsers may reach this host by HTTPS only, from the first answer on. They ignore it over HTTP.
    pub https_only: bool,
}

/// Adds the headers of every answer, errors and event streams included. What a handler has set is kept: pages and
/// their files may be cached, everything else holds a token or a contact unless it is proven not to.
pub async fn harden(State(hardening): State<Hardening>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, NO_CONTENT),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if hardening.https_only {
        headers.insert(STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HTTPS_FOR_A_YEAR));
    }
    response
}

/// A page of ours. What it loads must come from paths of this server; no other page may frame it.
pub fn page(html: impl Into<Body>) -> Response {
    let mut response = Response::new(html.into());
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, PAGE_CONTENT),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        (CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
