//! Which web pages may talk to the API: those of a list, and those that the API serves itself. Programs
//! that are no browsers send no `Origin` and are not asked.

use std::sync::Arc;

use axum::http::uri::{Authority, Scheme};
use axum::http::{HeaderMap, HeaderValue, Uri, header};

/// The origins whose pages may talk to the API.
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins {
    /// `scheme://host[:port]`, in lower case, without the scheme's own port.
    listed: Arc<[String]>,
    /// Whether any page of this machine may, for development.
    localhost: bool,
}

/// A text that is no origin.
#[derive(Debug, thiserror::Error)]
#[error(
    "OCPIZZA_MANAGER_ALLOWED_ORIGINS: {0:?} is no origin: write https://host or https://host:port, with commas between"
)]
pub struct NoOrigin(String);

impl AllowedOrigins {
    /// The origins of a list with commas between, such as `https://shop.example, http://10.0.0.5:3000`.
    ///
    /// # Errors
    /// When one of them is no origin.
    pub fn parse(list: &str) -> Result<Self, NoOrigin> {
        let listed = list.split(',').map(str::trim).filter(|origin| !origin.is_empty());
        let listed: Result<_, _> =
            listed.map(|text| normal(text).ok_or_else(|| NoOrigin(text.to_owned()))).collect();
        Ok(Self { listed: listed?, localhost: false })
    }

    /// The same, and any page of this machine.
    #[must_use]
    pub fn and_localhost(self) -> Self {
        Self { localhost: true, ..self }
    }

    /// Whether the page that made a request may: it is of the list, or of the host that it asks.
    pub fn allows(&self, origin: &HeaderValue, host: Option<&HeaderValue>) -> bool {
        let Some((origin, authority)) = origin.to_str().ok().and_then(|text| Some((normal(text)?, text)))
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

    /// Whether a request may be answered as far as its `Origin` goes: it has none, or an allowed one.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => true,
            (Some(origin), None) => self.allows(origin, headers.get(header::HOST)),
            (Some(_), Some(_)) => false,
        }
    }
}

fn own_port(scheme: Option<&Scheme>) -> Option<u16> {
    match scheme.map(Scheme::as_str) {
        Some("http") => Some(80),
        Some("https") => Some(443),
        _ => None,
    }
}

/// Whether `Host` names the origin's host and port. Behind a proxy nothing tells its scheme.
fn is_same(host: &Authority, origin: &Authority, scheme: Option<&Scheme>) -> bool {
    let port = |authority: &Authority| authority.port_u16().or_else(|| own_port(scheme));
    host.host().eq_ignore_ascii_case(origin.host()) && port(host) == port(origin)
}

/// An origin as it is compared.
fn normal(text: &str) -> Option<String> {
    let uri: Uri = text.parse().ok()?;
    let (scheme, authority) = (uri.scheme()?, uri.authority()?);
    let own = own_port(Some(scheme))?;
    let bare = uri.path() == "/" && uri.query().is_none() && !authority.as_str().contains('@');
    if !bare || text.ends_with('/') {
        return None;
    }
    let host = authority.host().to_ascii_lowercase();
    Some(match authority.port_u16() {
        Some(port) if port != own => format!("{scheme}://{host}:{port}"),
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
    fn the_listed_and_the_same_are_allowed_and_no_others() {
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
    fn pages_of_this_machine_are_allowed_in_development() {
        let origins = AllowedOrigins::default().and_localhost();
        for origin in ["http://localhost:5173", "http://127.0.0.1", "http://[::1]:3000"] {
            assert!(allows(&origins, origin, "api.example"), "{origin}");
        }
        assert!(!allows(&origins, "http://localhost.evil.example", "api.example"));
    }

    #[test]
    fn what_is_no_origin_is_refused_by_name() {
        for list in ["*", "shop.example", "https://shop.example/", "https://a.example/x", "ftp://a.example"] {
            let error = AllowedOrigins::parse(list).unwrap_err().to_string();
            assert!(error.contains(list), "{error}");
        }
    }

    #[test]
    fn who_says_no_origin_or_two_is_no_page() {
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
