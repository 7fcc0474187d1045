//! Origins whose web pages may call the API: the listed ones and the API's own. Other programs send no `Origin` and are not
//! restricted.

use std::sync::Arc;

use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderValue, Uri, header};

/// Origins whose pages may call the API.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins {
    /// `scheme://host[:port]`, in lower case, without the scheme's default port.
    listed: Arc<[String]>,
    /// Whether all origins of the local host are allowed, for development.
    localhost: bool,
}

/// The text is not an origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "OCPIZZA_MANAGER_ALLOWED_ORIGINS must be origins like https://host or https://host:port, separated by commas, not {0:?}"
)]
pub struct InvalidOrigin(String);

impl AllowedOrigins {
    /// Parses a list separated by commas, like `https://shop.example, http://10.0.0.5:3000`.
    ///
    /// # Errors
    /// [`InvalidOrigin`].
    pub fn parse(list: &str) -> Result<Self, InvalidOrigin> {
        let listed = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let listed: Result<_, _> =
            listed.map(|text| normalize(text).ok_or_else(|| InvalidOrigin(text.to_owned()))).collect();
        Ok(Self { listed: listed?, localhost: false })
    }

    /// Also allows all origins of the local host.
    #[must_use]
    pub fn and_localhost(self) -> Self {
        Self { localhost: true, ..self }
    }

    /// Returns whether an origin is allowed: it is listed, or equals the requested host.
    pub fn allows(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Some((origin, authority)) = origin.to_str().ok().and_then(|text| Some((normalize(text)?, text)))
        else {
            return false;
        };
        let Ok(uri) = authority.parse::<Uri>() else { return false };
        let Some(authority) = uri.authority() else { return false };
        let same = host.and_then(|host| host.to_str().ok()?.parse::<Authority>().ok());
        same.is_some_and(|host| is_same(&host, authority, uri.scheme()))
            || (self.localhost && ["localhost", "127.0.0.1", "[::1]"].contains(&authority.host()))
            || self.listed.contains(&origin)
    }

    /// Returns whether a request has no `Origin` or an allowed one.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => self.allows(origin, headers.get(header::HOST)),
            (Some(_), Some(_)) => false,
        }
    }
}

fn default_port(scheme: Option<&Scheme>) -> Option<u16> {
    match scheme.map(Scheme::as_str) {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// Returns whether `Host` equals the origin's host and port. The scheme is unknown behind a proxy.
fn is_same(host: &Authority, origin: &Authority, scheme: Option<&Scheme>) -> bool {
    let port = |authority: &Authority| authority.port_u16().or_else(|| default_port(scheme));
    host.host().eq_ignore_ascii_case(origin.host()) && port(host) == port(origin)
}

/// Returns an origin in its normal form.
fn normalize(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme()?, uri.authority()?);
    let default = default_port(Some(scheme))?;
    let bare = uri.path() == "/" && uri.query().is_none() && !authority.as_str().contains('@');
    if !bare || text.ends_with('/') {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    Some(match authority.port_u16() {
        Some(port) if port != default => format!("{scheme}://{host}:{port}"),
        _ => format!("{scheme}://{host}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(origins: &AllowedOrigins, origin: &str, host: &str) -> bool {
        origins.allows(&origin.parse().unwrap(), Some(&host.parse().unwrap()))
    }

    #[test]
    fn allows_listed_origins_and_the_own_host_only() {
        let origins = AllowedOrigins::parse("https://shop.example, http://Desk.Example:3000,").unwrap();
        for origin in ["https://shop.example", "https://SHOP.example:443", "http://desk.example:3000"] {
            assert!(allows(&origins, origin, "api.example"), "{origin}");
        }
        for origin in [
            "http://shop.example",
            "https://shop.example:8443",
            "https://shop.example.evil.example",
            "https://evil.example/https://shop.example",
            "https://shop.example@evil.example",
            "http://localhost:3000",
            "null",
            "",
        ] {
            assert!(!allows(&origins, origin, "api.example"), "{origin}");
        }
        assert!(allows(&origins, "https://api.example", "api.example"));
        assert!(allows(&origins, "http://127.0.0.1:8080", "127.0.0.1:8080"));
        assert!(!allows(&origins, "http://127.0.0.1:8081", "127.0.0.1:8080"));
    }

    #[test]
    fn allows_the_local_host_in_development() {
        let origins = AllowedOrigins::default().and_localhost();
        for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000"] {
            assert!(allows(&origins, origin, "api.example"), "{origin}");
        }
        assert!(!allows(&origins, "http://localhost.evil.example", "api.example"));
    }

    #[test]
    fn names_invalid_origins() {
        for list in ["*", "shop.example", "https://shop.example/", "https://a.example/x", "ftp://a.example"] {
            let error = AllowedOrigins::parse(list).unwrap_err().to_string();
            assert!(error.contains(list), "{error}");
        }
    }

    #[test]
    fn allows_no_origin_and_rejects_two() {
        let origins = AllowedOrigins::default();
        let mut headers = HeaderMap::new();
        assert!(origins.allow(&headers));
        headers.append(header::HOST, HeaderValue::from_static("a.example"));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        assert!(origins.allow(&headers));
        headers.append(header::ORIGIN, HeaderValue::from_static("https://a.example"));
        assert!(!origins.allow(&headers));
    }
}
