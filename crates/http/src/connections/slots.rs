//! Slots of connections: limits by client address and by process, and a reserve beyond both for health checks. A slot
//! lives as long as the connection's file.

use std::net::IpAddr;
use std::sync::Arc;

use identity::client_address::ClientAddress;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::budget::Budget;
use super::full::Full;
use crate::client_address::TrustedProxies;
use crate::places::{Place, Places};

/// The slots of a process. Clones share them.
#[derive(Debug, Clone)]
pub struct Slots {
    budget: Budget,
    /// Peers without a limit by address: the streams of the clients behind them are counted instead.
    proxies: TrustedProxies,
    connections: Arc<Semaphore>,
    addresses: Places<ClientAddress>,
    reserve: Arc<Semaphore>,
    reserve_addresses: Places<ClientAddress>,
}

/// The slot of one connection; dropping it frees the slot.
#[derive(Debug)]
pub struct Slot {
    /// Why the connection serves only health checks; `None` for an unrestricted connection.
    pub restricted: Option<Full>,
    _permit: OwnedSemaphorePermit,
    _place: Option<Place<ClientAddress>>,
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!("ocpizza_connections").decrement(1.0);
    }
}

impl Slots {
    /// Creates free slots.
    pub fn new(budget: Budget, proxies: TrustedProxies) -> Self {
        metrics::gauge!("ocpizza_connections_max").set(u32::try_from(budget.connections).unwrap_or(u32::MAX));
        Self {
            budget,
            proxies,
            connections: Arc::new(Semaphore::new(budget.connections)),
            addresses: Places::default(),
            reserve: Arc::new(Semaphore::new(budget.reserve)),
            reserve_addresses: Places::default(),
        }
    }

    /// Takes a slot for a connection of a peer; returns `None` if the reserve is full too.
    pub fn take(&self, peer: IpAddr) -> Option<Slot> {
        let counted = (!self.proxies.trust(peer)).then(|| ClientAddress::from(peer));
        let full = match take(&self.connections, &self.addresses, counted, self.budget.per_address) {
            Ok((permit, place)) => return Some(Self::slot(None, permit, place)),
            Err(full) => full,
        };
        metrics::counter!("ocpizza_connections_refused_total", "by" => full.by()).increment(1);
        let most = self.budget.reserve_per_address();
        let (permit, place) = take(&self.reserve, &self.reserve_addresses, counted, most).ok()?;
        Some(Self::slot(Some(full), permit, place))
    }

    fn slot(
        restricted: Option<Full>,
        permit: OwnedSemaphorePermit,
        place: Option<Place<ClientAddress>>,
    ) -> Slot {
        metrics::gauge!("ocpizza_connections").increment(1.0);
        Slot { restricted, _permit: permit, _place: place }
    }
}

/// Takes a permit and, for a counted peer, a place of its address.
fn take(
    permits: &Arc<Semaphore>,
    addresses: &Places<ClientAddress>,
    counted: Option<ClientAddress>,
    per_address: usize,
) -> Result<(OwnedSemaphorePermit, Option<Place<ClientAddress>>), Full> {
    let place =
        counted.map(|address| addresses.take(address, per_address).ok_or(Full::Address)).transpose()?;
    let permit = permits.clone().try_acquire_owned().map_err(|_| Full::Process)?;
    Ok((permit, place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots(connections: usize, per_address: usize, reserve: usize) -> Slots {
        Slots::new(Budget { connections, per_address, reserve }, "10.0.0.0/8".parse().unwrap())
    }

    fn take(slots: &Slots, peer: &str) -> Option<Slot> {
        slots.take(peer.parse().unwrap())
    }

    #[test]
    fn limits_the_connections_of_an_address() {
        let slots = slots(4, 2, 4);
        let mine: Vec<Slot> =
            ["192.0.2.1", "::ffff:192.0.2.1"].map(|peer| take(&slots, peer).unwrap()).into();
        assert!(mine.iter().all(|slot| slot.restricted.is_none()));
        let restricted = take(&slots, "192.0.2.1").unwrap();
        assert_eq!(restricted.restricted, Some(Full::Address));
        // One address may use a quarter of the reserve.
        assert!(take(&slots, "192.0.2.1").is_none());
        assert_eq!(take(&slots, "192.0.2.2").unwrap().restricted, None);
        drop(mine);
        assert_eq!(take(&slots, "192.0.2.1").unwrap().restricted, None);
    }

    #[test]
    fn a_full_process_uses_its_reserve_and_releases_slots() {
        let slots = slots(2, 2, 4);
        let _mine = [take(&slots, "192.0.2.1").unwrap(), take(&slots, "192.0.2.1").unwrap()];
        let others: Vec<Slot> = ["192.0.2.2", "192.0.2.3", "192.0.2.4", "192.0.2.5"]
            .map(|peer| take(&slots, peer).unwrap())
            .into();
        assert!(others.iter().all(|slot| slot.restricted == Some(Full::Process)));
        assert!(take(&slots, "192.0.2.6").is_none());
        drop(others);
        assert!(take(&slots, "192.0.2.6").is_some());
        assert_eq!(slots.reserve_addresses.keys(), 0);
    }

    #[test]
    fn exempts_trusted_proxies_and_counts_ipv6_by_network() {
        let slots = slots(8, 1, 4);
        let proxied: Vec<Slot> = (0..6).map(|_| take(&slots, "::ffff:10.1.2.3").unwrap()).collect();
        assert!(proxied.iter().all(|slot| slot.restricted.is_none()));
        let _home = take(&slots, "2001:db8::1").unwrap();
        assert_eq!(take(&slots, "2001:db8::2").unwrap().restricted, Some(Full::Address));
        assert_eq!(take(&slots, "2001:db8:0:1::2").unwrap().restricted, None);
    }
}
