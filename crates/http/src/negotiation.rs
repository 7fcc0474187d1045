//! Which media type an answer has, and the status that goes with it (GraphQL over HTTP, draft of the
//! GraphQL Foundation).

use std::cmp::Reverse;

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE, VARY};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::Response;
use graphql::error::ErrorCode;
use serde_json::json;

/// The headers of a request that its answer depends on; CORS adds `Origin`.
pub const VARIES: &str = "Accept, Accept-Language, Authorization";

/// The two media types of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: the status tells whether the request was one at all.
    GraphqlResponse,
    /// `application/json`: 200 for whatever a well-formed request led to.
    Json,
}

impl MediaType {
    fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
        }
    }

    fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }

    /// What an `Accept` header prefers; `None` when it takes neither. A media type's quality is that of the
    /// most specific range that has it (RFC 9110, section 12.5.1). Where both are as good, the one that is
    /// named first is taken, and to who names none `application/json` is sent.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let values = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default());
        let ranges = values.flat_map(|value| value.split(',')).filter_map(Range::parse).collect::<Vec<_>>();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let mut best: Option<(f32, usize, Self)> = None;
        for media in [Self::Json, Self::GraphqlResponse] {
            let fitting =
                ranges.iter().enumerate().filter_map(|(at, range)| Some((range.fits(media)?, at, range)));
            // The first of the most specific.
            let Some((_, at, range)) = fitting.max_by_key(|(specific, at, _)| (*specific, Reverse(*at)))
            else {
                continue;
            };
            let better = best.is_none_or(|(quality, first, _)| {
                range.quality > quality || (range.quality >= quality && at < first)
            });
            if range.quality > 0.0 && better {
                best = Some((range.quality, at, media));
            }
        }
        best.map(|(_, _, media)| media)
    }
}

/// When a client takes `text/event-stream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Never.
    Refused,
    /// Where there is no other way, which is for subscriptions.
    Accepted,
    /// Rather than anything else.
    Preferred,
}

impl Events {
    /// Reads `Accept`. A range with a star does not mean events, and is less than a name.
    fn accepted(headers: &HeaderMap) -> Self {
        let values = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default());
        let (mut events, mut other) = (0.0_f32, 0.0_f32);
        for range in values.flat_map(|value| value.split(',')).filter_map(Range::parse) {
            match range.name.as_str() {
                "text/event-stream" => events = events.max(range.quality),
                name if [MediaType::Json, MediaType::GraphqlResponse]
                    .iter()
                    .any(|one| one.essence() == name) =>
                {
                    other = other.max(range.quality);
                }
                _ => {}
            }
        }
        if events > other {
            Self::Preferred
        } else if events > 0.0 {
            Self::Accepted
        } else {
            Self::Refused
        }
    }
}

/// What an `Accept` header takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// For one answer.
    pub media: Option<MediaType>,
    /// For many.
    pub events: Events,
}

impl Accepted {
    /// Reads the header.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { media: MediaType::accepted(headers), events: Events::accepted(headers) }
    }
}

/// The charset that a parameter of a media type names.
pub fn charset(parameter: &str) -> Option<&str> {
    let (name, value) = parameter.split_once('=')?;
    name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
}

/// One range of an `Accept` header.
struct Range {
    name: String,
    quality: f32,
}

impl Range {
    /// `None` for an empty one. One in another charset than ours is worth nothing.
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?.to_ascii_lowercase();
        let mut quality = 1.0;
        for part in parts {
            if let Some(given) = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")) {
                quality = given.parse().unwrap_or(0.0);
            } else if charset(part).is_some_and(|charset| !charset.eq_ignore_ascii_case("utf-8")) {
                return Some(Self { name: String::new(), quality: 0.0 });
            }
        }
        Some(Self { name, quality })
    }

    /// How specific it is for a media type that it has.
    fn fits(&self, media: MediaType) -> Option<u8> {
        match self.name.as_str() {
            "*/*" => Some(0),
            "application/*" => Some(1),
            name if name == media.essence() => Some(2),
            _ => None,
        }
    }
}

/// An answer with a body of that media type.
pub fn answer(status: StatusCode, media: MediaType, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, media.content_type());
    response.headers_mut().insert(VARY, HeaderValue::from_static(VARIES));
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
        assert_eq!(accepted("application/json; charset=iso-8859-1"), None);
        assert_eq!(accepted("application/json; charset=\"UTF-8\""), Some(MediaType::Json));
        assert_eq!(accepted("text/html, , application/*;q=0.2"), Some(MediaType::Json));
        assert_eq!(accepted("application/json, application/graphql-response+json"), Some(MediaType::Json));
        assert_eq!(accepted("*/*;q=nonsense"), None);
    }

    #[test]
    fn the_most_specific_range_counts() {
        assert_eq!(accepted("*/*, application/json;q=0"), Some(MediaType::GraphqlResponse));
        assert_eq!(accepted("application/json;q=0.5, */*;q=0.8"), Some(MediaType::GraphqlResponse));
        assert_eq!(accepted("*/*;q=0.1, application/*;q=0"), None);
    }

    #[test]
    fn events_are_preferred_to_what_is_less_wanted_or_not_named() {
        let events = |accept: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            Accepted::of(&headers).events
        };
        assert_eq!(Accepted::of(&HeaderMap::new()).events, Events::Refused);
        assert_eq!(events("*/*"), Events::Refused);
        assert_eq!(events("text/event-stream;q=0"), Events::Refused);
        for preferred in
            ["text/event-stream", "text/event-stream, */*", "application/json;q=0.9, text/event-stream"]
        {
            assert_eq!(events(preferred), Events::Preferred, "{preferred}");
        }
        let both = "application/graphql-response+json, application/json, text/event-stream, multipart/mixed";
        assert_eq!(events(both), Events::Accepted);
    }
}
