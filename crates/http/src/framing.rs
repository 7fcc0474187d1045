//! Rejects ambiguous request heads (RFC 9112, section 3.2; RFC 9110, section 5.3): a request has one `Host`, and one value
//! of each single-valued header. If a proxy and this server read different values, they would see different requests.

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
use super::negotiation::MediaType;
use super::reply::failure;

/// Single-valued headers. hyper checks `Content-Length`.
const SINGLE_VALUED: [HeaderName; 7] = [
    AUTHORIZATION,
    CONTENT_ENCODING,
    CONTENT_TYPE,
    LAST_EVENT_ID,
    ORIGIN,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION,
];

/// Why a request's head is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum BadHead {
    #[error("an HTTP/1.1 request needs a Host header")]
    NoHost,
    #[error("a request must have one Host header only")]
    SeveralHosts,
    #[error("the Host header must be a host with an optional port")]
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
    match SINGLE_VALUED.into_iter().find(|name| headers.get_all(name).iter().nth(1).is_some()) {
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

/// Rejects requests with an ambiguous head. A request with two origins is answered as one with a forbidden origin.
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
    // The following bytes of the connection may belong to this request or be another one.
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
    fn requires_one_host() {
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
    fn rejects_repeated_single_valued_headers() {
        let with =
            |lines: &[(&str, &str)]| checked(Version::HTTP_11, &[&[("host", "a.example")], lines].concat());
        for name in SINGLE_VALUED {
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
