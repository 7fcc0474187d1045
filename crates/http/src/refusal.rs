//! GraphQL responses with a single error.

use std::any::Any;
use std::sync::Arc;

use async_graphql::{Response, ServerError, value};
use chrono::{DateTime, Utc};
use graphql::error::{ApiError, ErrorCode, finish, set_code};
use identity::maintenance::{Window, rfc3339};

use super::request_id::panic_text;

/// Returns a response with an error of this code.
pub fn refusal(code: ErrorCode, message: impl Into<String>) -> Response {
    let mut error = ServerError::new(message, None);
    set_code(&mut error, code);
    Response::from_errors(vec![error])
}

/// Returns a response with an error as a resolver reports it.
pub fn refusal_of(error: ApiError, request_id: &str) -> Response {
    let mut refused = ServerError::new(error.to_string(), None);
    refused.source = Some(Arc::new(error));
    finish(Response::from_errors(vec![refused]), request_id)
}

/// Logs a panic of an operation and returns its response.
pub(super) fn internal(request_id: &str, panic: &(dyn Any + Send)) -> Response {
    tracing::error!(request_id, panic = panic_text(panic), "an operation panicked");
    let mut response = refusal(ErrorCode::Internal, "internal error");
    for error in &mut response.errors {
        error.extensions.get_or_insert_default().set("requestId", request_id);
    }
    response
}

/// Returns `MAINTENANCE` with the time to retry.
pub(super) fn maintenance(window: &Window, now: DateTime<Utc>) -> Response {
    let mut response = refusal(ErrorCode::Maintenance, window.message.clone());
    for error in &mut response.errors {
        let extensions = error.extensions.get_or_insert_default();
        extensions.set("retryAfter", window.retry_after(now));
        extensions.set("until", window.until.map_or(value!(null), |until| value!(rfc3339(until))));
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn maintenance_states_when_to_retry() {
        let now = DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap_or_default();
        let window = Window {
            message: "Back soon".to_owned(),
            since: now,
            until: DateTime::from_timestamp(1_800_000_060, 0),
        };
        let refused = serde_json::to_value(maintenance(&window, now)).unwrap_or_default();
        assert_eq!(
            refused["errors"][0],
            json!({ "message": "Back soon", "extensions": {
                "code": "MAINTENANCE", "retryable": true, "retryAfter": 60, "until": "2027-01-15T08:01:00Z",
            } })
        );
    }
}
