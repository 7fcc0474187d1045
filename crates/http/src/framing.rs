//! What HTTP/1.1 asks of a request's head before its content counts (RFC 9112, section 3.2; RFC 9110, section
//! 5.3): one `Host`, and one value of each header that has one value. A proxy and this server that each read
//! another of two values would take one request for two different ones. Knows no path and no GraphQL.

use axum::extract::Request;
use axum::http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_ENCODING, CONTENT_TYPE, HOST, ORIGIN, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, TRANSFER_ENCODING,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::middleware::Next;
use axum::response::Response;
use graphql::error::ErrorCode;

use super::browser::LAST_EVENT_ID;
use super::negotiation::{MediaType, failure};

/// Headers with one value. `Content-Length` is checked where the bytes are read.
const SINGLE: [HeaderName; 7] = [
    AUTHORIZATION,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    LAST_EVENT_ID,
    ORIGIN,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
];

/// Why a request's head is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum BadHead {
    #[error("a request of HTTP/1.1 needs a Host header")]
    NoHost,
    #[error("a request has one Host header")]
    SeveralHosts,
    #[error("the Host header must be a host and, where needed, a port")]
    NotAHost,
    #[error("Transfer-Encoding must be chunked, once")]
    TransferEncoding,
    #[error("the header {0} must be given once")]
    Several(HeaderName),
}

fn check(version: Version, headers: &HeaderMap) -> Result<(), BadHead> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version < Version::HTTP_11 => {}
        (None, _) => return Err(BadHead::NoHost),
        (Some(_), Some(_)) => return Err(BadHead::SeveralHosts),
        (Some(host), None) => check_host(host)?,
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if codings.next().is_some_and(|first| !is_chunked(first)) || codings.next().is_some() {
        return Err(BadHead::TransferEncoding);
    }
    match SINGLE.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some()) {
        Some(name) => Err(BadHead::Several(name)),
        None => Ok(()),
    }
}

fn check_host(host: &HeaderValue) -> Result<(), BadHead> {
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    match authority {
        Some(authority) if !authority.host().is_empty() && !authority.as_str().contains('@') => Ok(()),
        Some(_) | None => Err(BadHead::NotAHost),
    }
}

/// Refuses a request whose head can be read in two ways. A page with two origins has none that is allowed.
pub async fn guard(request: Request, next: Next) -> Response {
    let Err(bad) = check(request.version(), request.headers()) else { return next.run(request).await };
    let (status, code) = match bad {
        BadHead::Several(ORIGIN) => (StatusCode::FORBIDDEN, ErrorCode::Forbidden),
        BadHead::NoHost
        | BadHead::SeveralHosts
        | BadHead::NotAHost
        | BadHead::TransferEncoding
        | BadHead::Several(_) => (StatusCode::BAD_REQUEST, ErrorCode::BadUserInput),
    };
    let mut refused = failure(status, MediaType::Json, code, &bad.to_string(), None);
    // What follows on the connection may be a part of this request, or another one.
    refused.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    refused
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(version: Version, lines: &[(&str, &str)]) -> Result<(), BadHead> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        check(version, &headers)
    }

    #[test]
    fn a_request_names_one_host() {
        let host = |hosts: &[&str]| {
            let lines: Vec<_> = hosts.iter().map(|host| ("host", *host)).collect();
            (checked(Version::HTTP_11, &lines), checked(Version::HTTP_10, &lines))
        };
        for good in ["shop.example", "shop.example:8080", "127.0.0.1:80", "[::1]:8080"] {
            assert_eq!(host(&[good]), (Ok(()), Ok(())), "{good}");
        }
        assert_eq!(host(&[]), (Err(BadHead::NoHost), Ok(())));
        let several = Err(BadHead::SeveralHosts);
        assert_eq!(host(&["a.example", "a.example"]), (several.clone(), several));
        for bad in ["", "a b", "user@shop.example", "shop.example/path", "a.example, b.example"] {
            assert_eq!(host(&[bad]), (Err(BadHead::NotAHost), Err(BadHead::NotAHost)), "{bad}");
        }
    }

    #[test]
    fn a_header_with_one_value_is_given_once() {
        let with =
            |lines: &[(&str, &str)]| checked(Version::HTTP_11, &[&[("host", "a.example")], lines].concat());
        for name in SINGLE {
            let twice = [(name.as_str(), "a"), (name.as_str(), "a")];
            assert_eq!(with(&twice[..1]), Ok(()));
            assert_eq!(with(&twice), Err(BadHead::Several(name.clone())));
        }
        assert_eq!(with(&[("accept", "a/b"), ("accept", "c/d")]), Ok(()));
        assert_eq!(with(&[("transfer-encoding", "Chunked")]), Ok(()));
        for codings in [&["gzip, chunked"][..], &["chunked", "chunked"], &["chunked, chunked"]] {
            let lines: Vec<_> = codings.iter().map(|coding| ("transfer-encoding", *coding)).collect();
            assert_eq!(with(&lines), Err(BadHead::TransferEncoding), "{codings:?}");
        }
    }
}
