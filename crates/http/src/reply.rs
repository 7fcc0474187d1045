//! HTTP responses in a negotiated media type, and those to rejected requests.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, VARY};
use axum::http::{HeaderValue, StatusCode};
use axum::response::Response;
use graphql::error::ErrorCode;
use serde_json::json;

use super::negotiation::{MediaType, VARIES};

/// Returns a response with a body of this media type.
pub fn answer(status: StatusCode, media: MediaType, body: impl Into<Body>) -> Response {
    with_media(Response::new(body.into()), status, media)
}

/// Sets the status, media type and `Vary` of a response.
pub fn with_media(mut response: Response, status: StatusCode, media: MediaType) -> Response {
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media.content_type());
    response.headers_mut().insert(VARY, HeaderValue::from_static(VARIES));
    response
}

/// Returns the response to a request that was rejected before execution: one error, no data.
pub fn failure(
    status: StatusCode,
    media: MediaType,
    code: ErrorCode,
    message: &str,
    request_id: Option<&str>,
) -> Response {
    let mut extensions = json!({ "code": code.as_str() });
    if code.is_retryable() {
        extensions["retryable"] = true.into();
    }
    if let Some(id) = request_id {
        extensions["requestId"] = id.into();
    }
    let body = json!({ "errors": [{ "message": message, "extensions": extensions }] });
    answer(status, media, body.to_string())
}

/// Returns the response to a request for an unknown path.
pub fn not_found() -> Response {
    let message = "no such path: the API is at /graphql";
    failure(StatusCode::NOT_FOUND, MediaType::Json, ErrorCode::NotFound, message, None)
}
