//! The client address of a request: the peer's address or, if the peer is a trusted proxy, the right-most entry of
//! `X-Forwarded-For` that is not one.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::middleware::Next;
use axum::response::Response;
use identity::client_address::ClientAddress;
use ipnet::{IpNet, Ipv4Net};

/// Header to which proxies append the address of their peer.
const HEADER: &str = "x-forwarded-for";

/// Networks of the proxies whose `X-Forwarded-For` header is trusted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Arc<[IpNet]>);

impl FromIterator<IpNet> for TrustedProxies {
    fn from_iter<T: IntoIterator<Item = IpNet>>(networks: T) -> Self {
        Self(networks.into_iter().map(canonical).collect())
    }
}

/// Returns a network of IPv4-mapped IPv6 addresses as IPv4 network.
fn canonical(network: IpNet) -> IpNet {
    /// Bits before the IPv4 address.
    const PREFIX_BITS: u8 = 96;
    match (network.addr().to_canonical(), network.prefix_len().checked_sub(PREFIX_BITS)) {
        (IpAddr::V4(address), Some(length)) if network.addr().is_ipv6() => {
            Ipv4Net::new(address, length).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

/// The text is not a network.
#[derive(Debug, thiserror::Error)]
#[error("a trusted proxy must be an address or a network in CIDR notation, like 10.0.0.0/8, not {0:?}")]
pub struct InvalidNetwork(String);

/// Parses networks or single addresses, separated by commas.
impl FromStr for TrustedProxies {
    type Err = InvalidNetwork;

    fn from_str(text: &str) -> Result<Self, InvalidNetwork> {
        let entries = text.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        let network = |entry: &str| {
            let single = || entry.parse::<IpAddr>().ok().map(IpNet::from);
            entry.parse().ok().or_else(single).ok_or_else(|| InvalidNetwork(entry.to_owned()))
        };
        entries.map(network).collect()
    }
}

impl TrustedProxies {
    /// Returns whether an address is a trusted proxy.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }

    /// Returns the client address of a request. If an entry is invalid, the proxy that added it counts as the client.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let mut client = peer.to_canonical();
        if self.trust(client) {
            let lists: Vec<&str> =
                headers.get_all(HEADER).iter().map(|value| value.to_str().unwrap_or("?")).collect();
            for entry in lists.iter().rev().flat_map(|list| list.rsplit(',')) {
                let Some(address) = address_of(entry) else { break };
                client = address;
                if !self.trust(client) {
                    break;
                }
            }
        }
        client.into()
    }
}

/// Parses an address with or without a port or brackets.
fn address_of(entry: &str) -> Option<IpAddr> {
    let entry = entry.trim();
    let bare = entry.strip_prefix('[').and_then(|entry| entry.strip_suffix(']')).unwrap_or(entry);
    let address = bare.parse().ok().or_else(|| Some(entry.parse::<SocketAddr>().ok()?.ip()))?;
    Some(address.to_canonical())
}

/// Adds the client address to the request.
pub async fn identify(State(proxies): State<TrustedProxies>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let client = peer.map_or(ClientAddress::NONE, |peer| proxies.client(peer, request.headers()));
    request.extensions_mut().insert(client);
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[&[u8]]) -> String {
        let proxies: TrustedProxies = trusted.join(", ").parse().unwrap();
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        proxies.client(peer.parse().unwrap(), &headers).ip().to_string()
    }

    #[test]
    fn ignores_the_header_of_untrusted_peers() {
        assert_eq!(client(&[], "203.0.113.9", &[b"198.51.100.1"]), "203.0.113.9");
        assert_eq!(client(&["10.0.0.0/8"], "203.0.113.9", &[b"198.51.100.1"]), "203.0.113.9");
    }

    #[test]
    fn takes_the_right_most_address_that_is_not_a_proxy() {
        let heroku = ["10.0.0.0/8"];
        assert_eq!(client(&heroku, "10.1.2.3", &[b"198.51.100.1"]), "198.51.100.1");
        // Entries that the client sent itself are on the left.
        assert_eq!(client(&heroku, "10.1.2.3", &[b"6.6.6.6, 198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&heroku, "10.1.2.3", &[b"6.6.6.6", b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&heroku, "10.1.2.3", &[b"6.6.6.6, 198.51.100.1 , 10.9.9.9"]), "198.51.100.1");
        assert_eq!(client(&heroku, "::ffff:10.1.2.3", &[b"::ffff:198.51.100.1"]), "198.51.100.1");
        assert_eq!(client(&heroku, "10.1.2.3", &[b"198.51.100.1:4711"]), "198.51.100.1");
        for mapped in ["::ffff:10.0.0.0/104", "::ffff:10.1.2.3"] {
            assert_eq!(client(&[mapped], "10.1.2.3", &[b"198.51.100.1"]), "198.51.100.1", "{mapped}");
            assert_eq!(client(&[mapped], "::ffff:10.1.2.3", &[b"198.51.100.1"]), "198.51.100.1", "{mapped}");
        }
    }

    #[test]
    fn an_invalid_entry_counts_as_the_proxy_that_sent_it() {
        let heroku = ["10.0.0.0/8"];
        let garbage: [&[u8]; 8] =
            [b"", b"unknown", b"198.51.100.1, ", b"198.51.100.1,,", b"\xff\xfe", b"[", b"[]:1", b"999.1.1.1"];
        for forwarded in garbage {
            assert_eq!(client(&heroku, "10.1.2.3", &[forwarded]), "10.1.2.3", "{forwarded:?}");
        }
        assert_eq!(client(&heroku, "10.1.2.3", &[]), "10.1.2.3");
        assert_eq!(client(&heroku, "10.1.2.3", &[b"x, 10.9.9.9"]), "10.9.9.9");
    }

    #[test]
    fn names_invalid_networks() {
        assert!("10.0.0.0/8, 192.0.2.1 ,".parse::<TrustedProxies>().is_ok());
        for wrong in ["10.0.0.0/33", "proxy.example", "10.0.0.0/8 192.0.2.1"] {
            assert!(wrong.parse::<TrustedProxies>().unwrap_err().to_string().contains(wrong));
        }
    }

    #[test]
    fn counts_ipv6_by_network() {
        assert_eq!(client(&[], "2001:db8:1:2:3:4:5:6", &[]), "2001:db8:1:2::");
        let proxies = ["2001:db8:ffff::/48"];
        assert_eq!(client(&proxies, "2001:db8:ffff::1", &[b"[2001:db8:1:2::9]:443"]), "2001:db8:1:2::");
        assert_eq!(client(&proxies, "2001:db8:ffff::1", &[b"2001:db8:1:2::9"]), "2001:db8:1:2::");
    }
}
