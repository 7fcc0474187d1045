//! The answer to a mutation while the application is under maintenance.

use async_graphql::{Response, value};
use chrono::{DateTime, Utc};
use graphql::error::ErrorCode;
use identity::maintenance::{Window, rfc3339};

use super::execute::refusal;

/// `MAINTENANCE`, with when to try again.
pub fn refused(window: &Window, now: DateTime<Utc>) -> Response {
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
    fn says_when_to_try_again() {
        let now = DateTime::from_timestamp(1_800_000_000, 500_000_000).unwrap_or_default();
        let window = Window {
            message: "Back soon".to_owned(),
            since: now,
            until: DateTime::from_timestamp(1_800_000_060, 0),
        };
        let refused = serde_json::to_value(refused(&window, now)).unwrap_or_default();
        assert_eq!(
            refused["errors"][0],
            json!({ "message": "Back soon", "extensions": {
                "code": "MAINTENANCE", "retryable": true, "retryAfter": 60, "until": "2027-01-15T08:01:00Z",
            } })
        );
    }
}
