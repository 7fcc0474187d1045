//! How many connections may stay open, and how long they may keep us waiting: WebSockets and streams of
//! server-sent events, counted together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::client_address::ClientAddress;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bounds of what stays open.
#[derive(Debug, Clone)]
pub struct StreamLimits {
    /// Open at once in this process: each takes memory and a file.
    pub in_process: usize,
    /// Open at once for one client address. This machine's own is not counted: it may be a proxy.
    pub per_address: usize,
    /// Operations that run at once on one WebSocket.
    pub operations: usize,
    /// How long a client may take to send `connection_init`.
    pub initialisation: Duration,
    /// How often a WebSocket is pinged, and its session looked at again. Nothing heard for two of these
    /// ends it.
    pub ping: Duration,
    /// How often a silent event stream says how far it is, and its session is looked at again.
    pub heartbeat: Duration,
    /// How long a client may take to take a message.
    pub send: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            in_process: 12_000,
            per_address: 1_000,
            operations: 100,
            initialisation: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            heartbeat: Duration::from_secs(15),
            send: Duration::from_secs(10),
        }
    }
}

/// How many are open for each address.
type Addresses = Arc<Mutex<HashMap<ClientAddress, usize>>>;

/// Lets connections in that stay. Cloning shares the count.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The bounds.
    pub limits: Arc<StreamLimits>,
    permits: Arc<Semaphore>,
    addresses: Addresses,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The process has as many as it takes.
    #[error("too many streams are open; try again later")]
    Process,
    /// The client has as many as it may.
    #[error("too many streams are open from this address")]
    Address,
}

/// The place of one connection; given back with the value.
#[derive(Debug)]
pub struct Place {
    _permit: OwnedSemaphorePermit,
    of: Option<(ClientAddress, Addresses)>,
}

impl Admission {
    /// Nobody is there yet.
    pub fn new(limits: StreamLimits) -> Self {
        let permits = Arc::new(Semaphore::new(limits.in_process));
        Self { limits: Arc::new(limits), permits, addresses: Arc::default() }
    }

    /// A place for a connection of a client.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&self, address: ClientAddress) -> Result<Place, Full> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Full::Process)?;
        if address == ClientAddress::NONE || address.ip().is_loopback() {
            return Ok(Place { _permit: permit, of: None });
        }
        let mut addresses = self.addresses.lock().unwrap_or_else(PoisonError::into_inner);
        let open = addresses.entry(address).or_default();
        if *open >= self.limits.per_address {
            return Err(Full::Address);
        }
        *open += 1;
        Ok(Place { _permit: permit, of: Some((address, self.addresses.clone())) })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((address, addresses)) = &self.of else { return };
        let mut addresses = addresses.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = addresses.get_mut(address) {
            *open -= 1;
            if *open == 0 {
                addresses.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn an_address_and_the_process_have_their_bounds_and_places_are_given_back() {
        let limits = StreamLimits { in_process: 4, per_address: 2, ..StreamLimits::default() };
        let admission = Admission::new(limits);
        let admit = |address: &str| admission.admit(address.parse::<IpAddr>().unwrap().into());
        let places = [admit("192.0.2.1").unwrap(), admit("::ffff:192.0.2.1").unwrap()];
        assert_eq!(admit("192.0.2.1").unwrap_err(), Full::Address);
        let others = [admit("192.0.2.2").unwrap(), admit("127.0.0.1").unwrap()];
        assert_eq!(admit("127.0.0.1").unwrap_err(), Full::Process);
        assert_eq!(admission.admit(ClientAddress::NONE).unwrap_err(), Full::Process);
        drop((places, others));
        assert!(admission.addresses.lock().unwrap().is_empty());
        admit("192.0.2.1").unwrap();
    }
}
