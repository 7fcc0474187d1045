//! Negotiation of a response's media type by `Accept` (GraphQL over HTTP, draft of the GraphQL Foundation).

use std::cmp::Reverse;

use axum::http::header::ACCEPT;
use axum::http::{HeaderMap, HeaderValue};

/// Request headers that determine the response; CORS adds `Origin`.
pub const VARIES: &str = "Accept, Accept-Language, Authorization";

/// Media type of a response to one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    /// `application/graphql-response+json`: a rejected request has an error status.
    GraphqlResponse,
    /// `application/json`: every well-formed request has status 200.
    Json,
}

impl MediaType {
    fn essence(self) -> &'static str {
        match self {
            Self::GraphqlResponse => "application/graphql-response+json",
            Self::Json => "application/json",
        }
    }

    pub(super) fn content_type(self) -> HeaderValue {
        match self {
            Self::GraphqlResponse => {
                HeaderValue::from_static("application/graphql-response+json; charset=utf-8")
            }
            Self::Json => HeaderValue::from_static("application/json; charset=utf-8"),
        }
    }

    /// Returns the media type that `Accept` prefers; `None` if it accepts neither. A media type has the quality of the
    /// most specific matching range (RFC 9110, section 12.5.1). Of two with the same quality, the first in the header is
    /// taken; without a header, `application/json`.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let ranges: Vec<_> = Range::all(headers).collect();
        if ranges.is_empty() {
            return Some(Self::Json);
        }
        let mut best: Option<(f32, usize, Self)> = None;
        for media in [Self::Json, Self::GraphqlResponse] {
            let matching = ranges
                .iter()
                .enumerate()
                .filter_map(|(at, range)| Some((range.specificity(media)?, at, range)));
            // The first of the most specific ranges.
            let Some((_, at, range)) = matching.max_by_key(|(specific, at, _)| (*specific, Reverse(*at)))
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

/// Whether a client accepts `text/event-stream`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Not accepted.
    Refused,
    /// Accepted for subscriptions, which have no other media type.
    Accepted,
    /// Preferred for every operation.
    Preferred,
}

impl Events {
    /// Reads `Accept`. Wildcard ranges do not accept events and do not count as preferred to them.
    fn accepted(headers: &HeaderMap) -> Self {
        let (mut events, mut other) = (0.0_f32, 0.0_f32);
        for range in Range::all(headers) {
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

/// Media types that an `Accept` header accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accepted {
    /// Media type of a single response.
    pub media: Option<MediaType>,
    /// Event streams.
    pub events: Events,
}

impl Accepted {
    /// Reads `Accept`.
    pub fn of(headers: &HeaderMap) -> Self {
        Self { media: MediaType::accepted(headers), events: Events::accepted(headers) }
    }
}

/// Returns the charset that a media type's parameter names.
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
    /// Returns the ranges of `Accept`.
    fn all(headers: &HeaderMap) -> impl Iterator<Item = Self> {
        let values = headers.get_all(ACCEPT).iter().map(|value| value.to_str().unwrap_or_default());
        values.flat_map(|value| value.split(',')).filter_map(Self::parse)
    }

    /// Parses a range; `None` if it is empty. A charset other than UTF-8 has quality 0.
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

    /// Returns how specifically the range matches a media type; `None` if it does not.
    fn specificity(&self, media: MediaType) -> Option<u8> {
        match self.name.as_str() {
            "*/*" => Some(0),
            "application/*" => Some(1),
            name if name == media.essence() => Some(2),
            _ => None,
        }
    }
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
    fn takes_the_preferred_media_type() {
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
    fn the_most_specific_range_determines_the_quality() {
        assert_eq!(accepted("*/*, application/json;q=0"), Some(MediaType::GraphqlResponse));
        assert_eq!(accepted("application/json;q=0.5, */*;q=0.8"), Some(MediaType::GraphqlResponse));
        assert_eq!(accepted("*/*;q=0.1, application/*;q=0"), None);
    }

    #[test]
    fn compares_events_with_named_media_types() {
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
