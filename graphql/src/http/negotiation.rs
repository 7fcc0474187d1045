//! Which media type an answer has, and the status that goes with it (GraphQL over HTTP, draft of the
//! GraphQL Foundation).

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use serde_json::json;

use crate::error::ErrorCode;

/// The two media types of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was one at all.
    GraphqlResponse,
    /// `application/json`: 200 for whatever a well-formed request led to.
    Json,
}

impl MediaType {
    fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }

    /// What an `Accept` header prefers; `None` when it takes neither.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(f32, Self)> = None;
        let mut given = false;
        for value in headers.get_all(ACCEPT) {
            for range in value.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let name = parts.next().unwrap_or_default().to_ascii_lowercase();
                if name.is_empty() {
                    continue;
                }
                given = true;
                let quality = parts
                    .find_map(|part| part.strip_prefix("q="))
                    .map_or(1.0, |quality| quality.parse::<f32>().unwrap_or(0.0));
                let media = match name.as_str() {
                    "application/graphql-response+json" => Self::GraphqlResponse,
                    "application/json" | "application/*" | "*/*" => Self::Json,
                    _ => continue,
                };
                if quality > best.map_or(0.0, |(best, _)| best) {
                    best = Some((quality, media));
                }
            }
        }
        match best {
            Some((_, media)) => Some(media),
            None if given => None,
            None => Some(Self::Json),
        }
    }
}

/// An answer with a body of that media type.
pub fn answer(status: StatusCode, media: MediaType, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media.content_type());
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Language"));
    response
}

/// A request that never became one: an answer with one error and no data.
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
    answer(status, media, body.to_string().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(accept: &str) -> Option<MediaType> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        MediaType::accepted(&headers)
    }

    #[test]
    fn the_preferred_of_the_two_is_taken() {
        assert_eq!(MediaType::accepted(&HeaderMap::new()), Some(MediaType::Json));
        assert_eq!(accepted("*/*"), Some(MediaType::Json));
        assert_eq!(accepted("application/graphql-response+json"), Some(MediaType::GraphqlResponse));
        let both = "application/graphql-response+json; charset=utf-8, application/json; q=0.9";
        assert_eq!(accepted(both), Some(MediaType::GraphqlResponse));
        let other = "application/graphql-response+json; q=0.1, application/json";
        assert_eq!(accepted(other), Some(MediaType::Json));
        assert_eq!(accepted("text/html"), None);
        assert_eq!(accepted("application/json;q=0"), None);
    }
}
