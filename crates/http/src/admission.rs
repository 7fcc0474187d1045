//! How many connections may stay open, how many subscriptions they may carry, and how long they may keep us
//! waiting: WebSockets and streams of server-sent events, counted together.

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
use super::connections::{Budget, Restricted};
use super::negotiation::{MediaType, failure};
use super::places::{Place, Places};

/// The paths that the reserve of connections is for.
const HEALTH: [&str; 2] = ["/healthz", "/readyz"];
/// When a client that found the process full may try again, in seconds.
const RETRY_AFTER_SECONDS: u64 = 2;

/// The bounds of what stays open.
#[derive(Debug, Clone)]
pub struct StreamLimits {
    /// Open at once in this process: each takes memory and a file.
    pub in_process: usize,
    /// Open at once for one client address; a trusted proxy is not counted.
    pub per_address: usize,
    /// Operations that run at once on one WebSocket.
    pub operations: usize,
    /// Subscriptions of one customer, over all connections of this process.
    pub subscriptions_per_customer: usize,
    /// Subscriptions of one employee: screens of a kitchen may share an account.
    pub subscriptions_per_employee: usize,
    /// Subscriptions of anonymous callers from one client address.
    pub subscriptions_per_address: usize,
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
    /// The same bounds, as far as a process with so many connections can keep them.
    #[must_use]
    pub fn within(self, budget: Budget) -> Self {
        Self {
            in_process: self.in_process.min(budget.streams()),
            per_address: self.per_address.min(budget.per_address),
            ..self
        }
    }
}

/// Lets connections in that stay. Cloning shares the count.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The bounds.
    pub limits: Arc<StreamLimits>,
    proxies: TrustedProxies,
    permits: Arc<Semaphore>,
    addresses: Places<ClientAddress>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The process has as many as it takes.
    #[error("too many connections are open; try again later")]
    Process,
    /// The client has as many as it may.
    #[error("too many connections are open from this address; close some first")]
    Address,
}

impl Full {
    /// Starts the counters of refused connections at zero, so that the first refusal shows as a change.
    pub fn begin_counters() {
        for full in [Self::Process, Self::Address] {
            metrics::counter!("ocpizza_connections_refused_total", "by" => full.by()).absolute(0);
        }
    }

    /// What was counted, as metrics name it.
    pub fn by(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Address => "address",
        }
    }
}

/// The slot of one stream; given back with the value.
#[derive(Debug)]
pub struct StreamSlot {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place<ClientAddress>>,
}

impl Admission {
    /// Nothing is open yet.
    pub fn new(limits: StreamLimits, proxies: TrustedProxies) -> Self {
        let permits = Arc::new(Semaphore::new(limits.in_process));
        Self { limits: Arc::new(limits), proxies, permits, addresses: Places::default() }
    }

    /// A slot for a WebSocket or an event stream of a client.
    ///
    /// # Errors
    /// [`Full`].
    pub fn admit(&self, address: ClientAddress) -> Result<StreamSlot, Full> {
        let permit = self.permits.clone().try_acquire_owned().map_err(|_| Full::Process)?;
        // The clients of a proxy that does not name them are not one client.
        let is_counted = address != ClientAddress::NONE && !self.proxies.trust(address.ip());
        let place = is_counted
            .then(|| self.addresses.take(address, self.limits.per_address).ok_or(Full::Address))
            .transpose()?;
        Ok(StreamSlot { _permit: permit, _place: place })
    }
}

/// Answers what a full process or an address with too many connections gets.
pub fn refuse(full: Full) -> Response {
    let (status, code) = match full {
        Full::Process => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Overloaded),
        Full::Address => (StatusCode::TOO_MANY_REQUESTS, ErrorCode::RateLimited),
    };
    let mut refused = failure(status, MediaType::Json, code, &full.to_string(), None);
    refused.headers_mut().insert(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS));
    refused
}

/// Serves health checks only to requests on a connection of the reserve.
pub async fn restrict(request: Request, next: Next) -> Response {
    match request.extensions().get::<Restricted>() {
        Some(Restricted(full)) if !HEALTH.contains(&request.uri().path()) => refuse(*full),
        Some(_) | None => next.run(request).await,
    }
}

/// Who has a subscription open.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Subscriber {
    Account(Uuid),
    Address(ClientAddress),
}

/// Counts open subscriptions by account, anonymous ones by address. Cloning shares the counts.
#[derive(Debug, Clone)]
pub struct Subscriptions {
    limits: Arc<StreamLimits>,
    open: Places<Subscriber>,
}

/// One open subscription; given back with the value.
#[derive(Debug)]
pub struct SubscriptionPlace {
    _place: Option<Place<Subscriber>>,
}

/// A caller has as many subscriptions open as it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{most} subscriptions are open for this caller, the most it may have: complete one first")]
pub struct TooManySubscriptions {
    most: usize,
}

impl Subscriptions {
    /// No subscription is open yet.
    pub fn new(limits: Arc<StreamLimits>) -> Self {
        Self { limits, open: Places::default() }
    }

    /// Takes the place of a subscription of a caller.
    ///
    /// # Errors
    /// [`TooManySubscriptions`] when the account, or the address of an anonymous caller, has as many as it may have.
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
    fn an_address_and_the_process_have_their_bounds_and_slots_are_given_back() {
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
    fn loopback_is_an_address_like_any_other_unless_it_is_a_proxy() {
        let limits = StreamLimits { per_address: 1, ..StreamLimits::default() };
        let loopback = || ClientAddress::from(IpAddr::from([127, 0, 0, 1]));
        let admission = Admission::new(limits.clone(), TrustedProxies::default());
        let _first = admission.admit(loopback()).unwrap();
        assert_eq!(admission.admit(loopback()).unwrap_err(), Full::Address);
        let behind_a_proxy = Admission::new(limits, "127.0.0.0/8".parse().unwrap());
        let _both = [behind_a_proxy.admit(loopback()).unwrap(), behind_a_proxy.admit(loopback()).unwrap()];
    }
}
