//! How fast one address and one account may ask, counted in this process's memory: so that one client
//! cannot take what all share. Guessing passwords is slowed down elsewhere (`identity::accounts::AttemptLimiter`).

use std::fmt::{Display, Formatter};
use std::hash::Hash;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, InsufficientCapacity, Quota};
use graphql::context::Caller;
use graphql::error::{ApiError, ErrorCode};
use identity::client_address::ClientAddress;
use identity::clock::in_seconds;
use serde_json::json;
use uuid::Uuid;

use super::negotiation::{MediaType, answer};

/// How often what has not asked for a while is forgotten.
const SWEEP: Duration = Duration::from_secs(10);
/// The paths that a platform asks again and again, from one address for all it runs.
const UNLIMITED: [&str; 1] = ["/healthz"];

/// Upper bound on either number of a rate: beyond it the time between two requests is too short to be counted.
const MAX_RATE: u32 = 1_000_000;

/// How fast somebody may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, on the average.
    pub per_second: NonZeroU32,
    /// Requests at once, after a pause.
    pub burst: NonZeroU32,
}

/// A limit, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<Rate>);

/// A limit that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is neither OFF nor requests a second and at once, each 1 to {MAX_RATE}, such as 50/500")]
pub struct NoRate(String);

/// `50/500`, or `OFF`.
impl FromStr for RateLimit {
    type Err = NoRate;

    fn from_str(text: &str) -> Result<Self, NoRate> {
        if text.trim().eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        let (per_second, burst) = text.split_once('/').ok_or_else(|| NoRate(text.to_owned()))?;
        let number = |part: &str| {
            let number = part.trim().parse::<NonZeroU32>().ok().filter(|number| number.get() <= MAX_RATE);
            number.ok_or_else(|| NoRate(text.to_owned()))
        };
        Ok(Self(Some(Rate { per_second: number(per_second)?, burst: number(burst)? })))
    }
}

impl Display for RateLimit {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(Rate { per_second, burst }) => write!(f, "{per_second}/{burst}"),
            None => f.write_str("OFF"),
        }
    }
}

impl RateLimit {
    /// No limit.
    pub const OFF: Self = Self(None);

    /// A limit that is known to be one.
    pub const fn of(per_second: u32, burst: u32) -> Self {
        match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
            (Some(per_second), Some(burst)) => Self(Some(Rate { per_second, burst })),
            _ => Self(None),
        }
    }
}

/// What one account and one address may ask of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Of each account.
    pub account: RateLimit,
    /// Of each address.
    pub address: RateLimit,
}

impl RateLimits {
    /// No limits: on a developer's machine all load comes from one address.
    pub const OFF: Self = Self { account: RateLimit::OFF, address: RateLimit::OFF };
    /// Far above what pages do, far below what a process can: a pizzeria's tills and screens share an address.
    pub const PRODUCTION: Self = Self { account: RateLimit::of(50, 500), address: RateLimit::of(100, 1_000) };
}

/// Somebody asks too fast; they may ask again after so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooFast(pub Duration);

impl From<TooFast> for ApiError {
    fn from(TooFast(wait): TooFast) -> Self {
        Self::RateLimited { message: "too many requests".to_owned(), retry_after: wait }
    }
}

/// Counts the requests of each key.
#[derive(Debug)]
struct Counts<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    burst: NonZeroU32,
}

type Keyed<K> = Option<Arc<Counts<K>>>;

/// Counts requests and fields with effects. Cloning shares the counts.
#[derive(Debug, Clone)]
pub struct RateLimiter {
    accounts: Keyed<Uuid>,
    addresses: Keyed<ClientAddress>,
}

fn keyed<K: Hash + Eq + Clone>(RateLimit(rate): RateLimit) -> Keyed<K> {
    let Rate { per_second, burst } = rate?;
    let quota = Quota::per_second(per_second).allow_burst(burst);
    Some(Arc::new(Counts { limiter: DefaultKeyedRateLimiter::dashmap(quota), burst }))
}

/// Counts one request of a key.
fn check<K: Hash + Eq + Clone>(counts: &Keyed<K>, key: &K) -> Result<(), TooFast> {
    counts.as_ref().map_or(Ok(()), |counts| counts.check(key, NonZeroU32::MIN))
}

/// Counts what a request of a key has beyond the request itself, which was counted before.
fn check_further<K: Hash + Eq + Clone>(counts: &Keyed<K>, key: &K, further: u32) -> Result<(), TooFast> {
    let Some(counts) = counts else { return Ok(()) };
    // With more than the burst it takes the whole burst: it would never be let in otherwise.
    let further = NonZeroU32::new(further.min(counts.burst.get() - 1));
    further.map_or(Ok(()), |further| counts.check(key, further))
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn check(&self, key: &K, times: NonZeroU32) -> Result<(), TooFast> {
        match self.limiter.check_key_n(key, times) {
            Ok(checked) => {
                checked.map_err(|not_until| TooFast(not_until.wait_time_from(DefaultClock::default().now())))
            }
            // `times` is at most the burst, which is the capacity.
            Err(InsufficientCapacity(_)) => Err(TooFast(SWEEP)),
        }
    }
}

impl RateLimiter {
    /// With some limits.
    pub fn new(limits: RateLimits) -> Self {
        Self { accounts: keyed(limits.account), addresses: keyed(limits.address) }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// [`TooFast`].
    pub fn address(&self, address: ClientAddress) -> Result<(), TooFast> {
        // A call from within this process is nobody's load.
        if address == ClientAddress::NONE { Ok(()) } else { check(&self.addresses, &address) }
    }

    /// Counts a request of an account.
    ///
    /// # Errors
    /// [`TooFast`].
    pub fn account(&self, account: Uuid) -> Result<(), TooFast> {
        check(&self.accounts, &account)
    }

    /// Counts the fields of a mutation: each is a command of its own, so ten in one request count as ten requests.
    /// The first is the request itself, which was counted when it came.
    ///
    /// # Errors
    /// [`TooFast`]; then none of them may be executed.
    pub fn effects(&self, caller: &Caller, fields: u32) -> Result<(), TooFast> {
        let further = fields.saturating_sub(1);
        if caller.address != ClientAddress::NONE {
            let by_address = check_further(&self.addresses, &caller.address, further);
            by_address.inspect_err(|_| count_refused("address"))?;
        }
        let actor = caller.actor.as_ref();
        let by_account = actor.map_or(Ok(()), |actor| check_further(&self.accounts, &actor.id, further));
        by_account.inspect_err(|_| count_refused("account"))
    }

    /// Forgets, again and again, who could ask as much as anybody: what is left are those of the last seconds.
    pub async fn sweep(self) {
        if self.accounts.is_none() && self.addresses.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(SWEEP);
        loop {
            ticks.tick().await;
            if let Some(accounts) = &self.accounts {
                accounts.limiter.retain_recent();
                accounts.limiter.shrink_to_fit();
            }
            if let Some(addresses) = &self.addresses {
                addresses.limiter.retain_recent();
                addresses.limiter.shrink_to_fit();
            }
        }
    }
}

/// Counts a refusal, by what was counted.
pub fn count_refused(by: &'static str) {
    metrics::counter!("ocpizza_rate_limited_total", "by" => by).increment(1);
}

/// The answer to a request that came too soon.
pub fn too_fast(media: MediaType, TooFast(wait): TooFast) -> Response {
    let seconds = in_seconds(wait);
    let extensions = json!({ "code": ErrorCode::RateLimited.as_str(), "retryAfter": seconds });
    let message = ApiError::from(TooFast(wait)).to_string();
    let body = json!({ "errors": [{ "message": message, "extensions": extensions }] });
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, media, body.to_string().into_bytes());
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Holds every request against the limit of its address.
pub async fn limit(State(limiter): State<RateLimiter>, request: Request, next: Next) -> Response {
    let address = request.extensions().get().copied().unwrap_or(ClientAddress::NONE);
    if !UNLIMITED.contains(&request.uri().path())
        && let Err(too_soon) = limiter.address(address)
    {
        count_refused("address");
        let media = MediaType::accepted(request.headers()).unwrap_or(MediaType::Json);
        return too_fast(media, too_soon);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_or_named() {
        assert_eq!("50/500".parse::<RateLimit>().unwrap(), RateLimit::of(50, 500));
        assert_eq!(" off".parse::<RateLimit>().unwrap(), RateLimit::OFF);
        for wrong in
            ["", "50", "0/10", "10/0", "-1/5", "fast/slow", "5000000000/1", "4294967295/1", "1/1000001"]
        {
            assert!(wrong.parse::<RateLimit>().unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn one_client_does_not_use_up_anothers() {
        let limits = RateLimits { account: RateLimit::of(1, 2), address: RateLimit::OFF };
        let limiter = RateLimiter::new(limits);
        let (greedy, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!((limiter.account(greedy), limiter.account(greedy)), (Ok(()), Ok(())));
        let TooFast(wait) = limiter.account(greedy).unwrap_err();
        assert!(wait <= Duration::from_secs(1) && in_seconds(wait) == 1, "{wait:?}");
        assert_eq!(limiter.account(other), Ok(()));
        let address = ClientAddress::from(std::net::IpAddr::from([192, 0, 2, 1]));
        assert!((0..1_000).all(|_| limiter.address(address).is_ok()));
    }

    #[test]
    fn each_field_of_a_mutation_counts_for_its_address_too() {
        let limits = RateLimits { account: RateLimit::OFF, address: RateLimit::of(1, 20) };
        let limiter = RateLimiter::new(limits);
        let from = |last: u8| Caller {
            address: std::net::IpAddr::from([192, 0, 2, last]).into(),
            ..Caller::anonymous(messages::labels::Lang::default(), "test".into())
        };
        // The request that carries them counts one of the ten.
        let ten =
            |caller: &Caller| limiter.address(caller.address).and_then(|()| limiter.effects(caller, 10));
        assert_eq!((ten(&from(1)), ten(&from(1))), (Ok(()), Ok(())));
        assert!(limiter.effects(&from(1), 10).is_err());
        assert_eq!(limiter.effects(&from(1), 1), Ok(()), "counted when it came");
        let many =
            |caller: &Caller| limiter.address(caller.address).and_then(|()| limiter.effects(caller, 1_000));
        assert_eq!(many(&from(2)), Ok(()), "the whole burst");
        assert!(limiter.address(from(2).address).is_err());
    }
}
