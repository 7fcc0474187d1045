//! The address of a client, as attempts and connections are counted by it.

use std::net::{IpAddr, Ipv6Addr};

/// Where a request comes from, as it is counted: an IPv4 address, or the /64 of an IPv6 address, which is
/// what a household or a machine has to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// No address: a call from within this process.
    pub const NONE: Self = Self(IpAddr::V6(Ipv6Addr::UNSPECIFIED));

    /// The address, as it is counted.
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
