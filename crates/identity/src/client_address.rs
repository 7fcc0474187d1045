//! Client address by which attempts and connections are counted.

use std::net::{IpAddr, Ipv6Addr};

/// Address of a client: an IPv4 address, or the /64 network of an IPv6 address, which one household or machine holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// Placeholder for a call from within this process.
    pub const NONE: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// Returns the address or network.
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

impl From<IpAddr> for ClientAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => IpAddr::V4(address),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
        })
    }
}
