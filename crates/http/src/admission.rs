//! Limits of WebSockets and event streams, counted together: their number, their subscriptions, and their time-outs.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use domain::access::Role;
use graphql::context::Caller;
use graphql::error::ErrorCode;
use identity::client_address::ClientAddress;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use uuid::Uuid;

use super::client_address::TrustedProxies;
use super::connections::{Budget, Full, Restricted};
use super::negotiation::MediaType;
use super::places::{Place, Places};
use super::reply::failure;

/// Paths that connections of the reserve may request.
const HEALTH_PATHS: [&str; 2] = ["/healthz", "/readyz"];
/// Value of `Retry-After` when the process is full.
const RETRY_AFTER_SECONDS: u64 = 2;

/// Limits of WebSockets, event streams and subscriptions.
#[derive(Debug, Clone)]
pub struct StreamLimits {
    /// Open WebSockets and event streams of this process: each takes memory and a file.
    pub in_process: usize,
    /// Open WebSockets and event streams of one client address; trusted proxies are not counted.
    pub per_address: usize,
    /// Concurrent operations on one WebSocket.
    pub operations: usize,
    /// Subscriptions of one customer, over all connections to this process.
    pub subscriptions_per_customer: usize,
    /// Subscriptions of one employee: screens of a kitchen may share an account.
    pub subscriptions_per_employee: usize,
    /// Subscriptions of anonymous callers from one client address.
    pub subscriptions_per_address: usize,
    /// Time limit for `connection_init`.
    pub initialisation: Duration,
    /// Interval at which a WebSocket is pinged and its session checked. Two intervals without a message end it.
    pub ping: Duration,
    /// Interval at which an event stream reports its position and its session is checked.
    pub heartbeat: Duration,
    /// Time limit for a client to receive a message.
    pub send: Duration,
}

impl Default for StreamLimits {
    fn default() -> Self {
        Self {
            in_process: 12_000,
            per_address: 1_000,
            operations: 100,
            subscriptions_per_customer: 100,
            subscriptions_per_employee: 1_000,
            subscriptions_per_address: 1_000,
            initialisation: Duration::from_secs(10),
            ping: Duration::from_secs(20),
            heartbeat: Duration::from_secs(15),
            send: Duration::from_secs(10),
        }
    }
}

impl StreamLimits {
    /// Returns these limits, reduced to what the process's connections allow.
    #[must_use]
    pub fn within(self, budget: Budget) -> Self {
        Self {
            in_process: self.in_process.min(budget.streams()),
            per_address: self.per_address.min(budget.per_address),
            ..self
        }
    }
}

/// Admits WebSockets and event streams. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Admission {
    /// Limits of streams and subscriptions.
    pub limits: Arc<StreamLimits>,
    proxies: TrustedProxies,
    permits: Arc<Semaphore>,
    addresses: Places<ClientAddress>,
}

/// The slot of one stream; dropping it releases the slot.
#[derive(Debug)]
pub struct StreamSlot {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place<ClientAddress>>,
}

impl Admission {
    /// Creates an admission without open streams.
    pub fn new(limits: StreamLimits, proxies: TrustedProxies) -> Self {
        let permits = Arc::new(Semaphore::new(limits.in_process));
        Self { limits: Arc::new(limits), proxies, permits, addresses: Places::default() }
    }

    /// Returns a slot for a WebSocket or event stream of a client.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&self, address: ClientAddress) -> Result<StreamSlot, Full> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Full::Process)?;
        // A proxy that omits X-Forwarded-For stands for many clients.
        let is_counted = address != ClientAddress::NONE && !self.proxies.trust(address.ip());
        let place = is_counted
            .then(|| self.addresses.take(address, self.limits.per_address).ok_or(Full::Address))
            .transpose()?;
        Ok(StreamSlot { _permit: permit, _place: place })
    }
}

/// Returns the response to a client that exceeds a limit on connections.
pub fn refuse(full: Full) -> Response {
    let (status, code) = match full {
        Full::Process => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Overloaded),
        Full::Address => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited),
    };
    let mut refused = failure(status, MediaType::Json, code, &full.to_string(), None);
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    refused
}

/// Serves only health checks on connections of the reserve.
pub async fn restrict(request: Request, next: Next) -> Response {
    match request.extensions().get::<Restricted>() {
        Some(Restricted(full)) if !HEALTH_PATHS.contains(&request.uri().path()) => refuse(*full),
        Some(_) | None => next.run(request).await,
    }
}

/// Key by which subscriptions are counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subscriber {
    Account(Uuid),
    Address(ClientAddress),
}

/// Counts open subscriptions by account, and anonymous ones by address. Clones share the counts.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    limits: Arc<StreamLimits>,
    open: Places<Subscriber>,
}

/// One open subscription; dropping it releases the place.
#[derive(Debug)]
pub struct SubscriptionPlace {
    _place: Option<Place<Subscriber>>,
}

/// The caller has reached its limit of open subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{most} subscriptions are open for this caller, which is the limit: complete one first")]
pub struct TooManySubscriptions {
    most: usize,
}

impl Subscriptions {
    /// Creates a count without open subscriptions.
    pub fn new(limits: Arc<StreamLimits>) -> Self {
        Self { limits, open: Places::default() }
    }

    /// Takes a place for a subscription of a caller.
    ///
    /// # Errors
    /// [`TooManySubscriptions`] if the account, or the address of an anonymous caller, has reached its limit.
    pub fn open(&self, caller: &Caller) -> Result<SubscriptionPlace, TooManySubscriptions> {
        let limits = &self.limits;
        let (subscriber, most) = match &caller.actor {
            Some(actor) if actor.role == Role::Customer => {
                (Subscriber::Account(actor.id), limits.subscriptions_per_customer)
            }
            Some(actor) => (Subscriber::Account(actor.id), limits.subscriptions_per_employee),
            None if caller.address == ClientAddress::NONE => return Ok(SubscriptionPlace { _place: None }),
            None => (Subscriber::Address(caller.address), limits.subscriptions_per_address),
        };
        let Some(place) = self.open.take(subscriber, most) else {
            metrics::counter!("ocpizza_rate_limited_total", "by" => "subscriptions").increment(1);
            return Err(TooManySubscriptions { most });
        };
        Ok(SubscriptionPlace { _place: Some(place) })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn limits_streams_by_address_and_process_and_releases_slots() {
        let limits = StreamLimits { in_process: 4, per_address: 2, ..StreamLimits::default() };
        let admission = Admission::new(limits, "127.0.0.1".parse().unwrap());
        let admit = |address: &str| admission.admit(address.parse::<IpAddr>().unwrap().into());
        let slots = [admit("192.0.2.1").unwrap(), admit("::ffff:192.0.2.1").unwrap()];
        assert_eq!(admit("192.0.2.1").unwrap_err(), Full::Address);
        let others = [admit("192.0.2.2").unwrap(), admit("127.0.0.1").unwrap()];
        assert_eq!(admit("127.0.0.1").unwrap_err(), Full::Process);
        assert_eq!(admission.admit(ClientAddress::NONE).unwrap_err(), Full::Process);
        drop((slots, others));
        assert_eq!(admission.addresses.keys(), 0);
        admit("192.0.2.1").unwrap();
    }

    #[test]
    fn limits_loopback_unless_it_is_a_trusted_proxy() {
        let limits = StreamLimits { per_address: 1, ..StreamLimits::default() };
        let loopback = || ClientAddress::from(IpAddr::from([127, 0, 0, 1]));
        let admission = Admission::new(limits.clone(), TrustedProxies::default());
        let _first = admission.admit(loopback()).unwrap();
        assert_eq!(admission.admit(loopback()).unwrap_err(), Full::Address);
        let behind_a_proxy = Admission::new(limits, "127.0.0.0/8".parse().unwrap());
        let _both = [behind_a_proxy.admit(loopback()).unwrap(), behind_a_proxy.admit(loopback()).unwrap()];
    }
}
