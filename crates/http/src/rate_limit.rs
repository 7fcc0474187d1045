//! Request rate limits by client address and by account, counted in this process's memory, so that one client cannot
//! use up shared capacity. Attempts to guess passwords are limited elsewhere (`accounts::attempt_limiter`).

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

use super::negotiation::MediaType;
use super::reply::answer;

/// Interval at which idle keys are removed.
const SWEEP_INTERVAL: Duration = Duration::from_secs(10);
/// Paths without a limit: a platform polls them from one address for all its applications.
const UNLIMITED_PATHS: [&str; 1] = ["/healthz"];

/// Upper bound on both numbers of a rate: beyond it, the interval between two requests is too short to be measured.
const MAX_RATE: u32 = 1_000_000;

/// A request rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Average number of requests per second.
    pub per_second: NonZeroU32,
    /// Number of requests at once after a pause.
    pub burst: NonZeroU32,
}

/// A rate limit; `None` for no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit(pub Option<Rate>);

/// The text is not a rate limit.
#[derive(Debug, thiserror::Error)]
#[error(
    "a rate limit must be OFF, or requests per second and at once, each 1 to {MAX_RATE}, like 50/500, not {0:?}"
)]
pub struct InvalidRateLimit(String);

/// Parses `50/500` or `OFF`.
impl FromStr for RateLimit {
    type Err = InvalidRateLimit;

    fn from_str(text: &str) -> Result<Self, InvalidRateLimit> {
        if text.trim().eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        let (per_second, burst) = text.split_once('/').ok_or_else(|| InvalidRateLimit(text.to_owned()))?;
        let number = |part: &str| {
            let number = part.trim().parse::<NonZeroU32>().ok().filter(|number| number.get() <= MAX_RATE);
            number.ok_or_else(|| InvalidRateLimit(text.to_owned()))
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

    /// Returns a limit; if a number is 0, no limit.
    pub const fn of(per_second: u32, burst: u32) -> Self {
        match (NonZeroU32::new(per_second), NonZeroU32::new(burst)) {
            (Some(per_second), Some(burst)) => Self(Some(Rate { per_second, burst })),
            _ => Self(None),
        }
    }
}

/// Rate limits of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimits {
    /// Limit per account.
    pub account: RateLimit,
    /// Limit per client address.
    pub address: RateLimit,
}

impl RateLimits {
    /// No limits: in development, all load comes from one address.
    pub const OFF: Self = Self { account: RateLimit::OFF, address: RateLimit::OFF };
    /// Far above the rate of pages and far below the capacity of a process: a pizzeria's tills and screens share an
    /// address.
    pub const PRODUCTION: Self = Self { account: RateLimit::of(50, 500), address: RateLimit::of(100, 1_000) };
}

/// The rate limit is exceeded; contains the time to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitExceeded(pub Duration);

impl From<RateLimitExceeded> for ApiError {
    fn from(RateLimitExceeded(wait): RateLimitExceeded) -> Self {
        Self::RateLimited { message: "too many requests".to_owned(), retry_after: wait }
    }
}

/// Counts requests by key.
#[derive(Debug)]
struct Counts<K: Hash + Eq + Clone> {
    limiter: DefaultKeyedRateLimiter<K>,
    burst: NonZeroU32,
}

type Keyed<K> = Option<Arc<Counts<K>>>;

/// Counts requests and fields with effects. Clones share the counts.
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
fn check<K: Hash + Eq + Clone>(counts: &Keyed<K>, key: &K) -> Result<(), RateLimitExceeded> {
    counts.as_ref().map_or(Ok(()), |counts| counts.check(key, NonZeroU32::MIN))
}

/// Counts further units of a request that was counted before.
fn check_further<K: Hash + Eq + Clone>(
    counts: &Keyed<K>,
    key: &K,
    further: u32,
) -> Result<(), RateLimitExceeded> {
    let Some(counts) = counts else { return Ok(()) };
    // Capped at the burst: a larger number would never be admitted.
    let further = NonZeroU32::new(further.min(counts.burst.get() - 1));
    further.map_or(Ok(()), |further| counts.check(key, further))
}

impl<K: Hash + Eq + Clone> Counts<K> {
    fn check(&self, key: &K, times: NonZeroU32) -> Result<(), RateLimitExceeded> {
        match self.limiter.check_key_n(key, times) {
            Ok(checked) => checked.map_err(|not_until| {
                RateLimitExceeded(not_until.wait_time_from(DefaultClock::default().now()))
            }),
            // `times` is at most the burst, which is the capacity.
            Err(InsufficientCapacity(_)) => Err(RateLimitExceeded(SWEEP_INTERVAL)),
        }
    }
}

impl RateLimiter {
    /// Creates a limiter without counted requests.
    pub fn new(limits: RateLimits) -> Self {
        Self { accounts: keyed(limits.account), addresses: keyed(limits.address) }
    }

    /// Counts a request of an address.
    ///
    /// # Errors
    /// [`RateLimitExceeded`].
    pub fn address(&self, address: ClientAddress) -> Result<(), RateLimitExceeded> {
        // Calls within this process are not limited.
        if address == ClientAddress::NONE { Ok(()) } else { check(&self.addresses, &address) }
    }

    /// Counts a request of an account.
    ///
    /// # Errors
    /// [`RateLimitExceeded`].
    pub fn account(&self, account: Uuid) -> Result<(), RateLimitExceeded> {
        check(&self.accounts, &account)
    }

    /// Counts the fields of a mutation: each is a command, so ten in one request count as ten requests. The first one
    /// was counted with the request.
    ///
    /// # Errors
    /// [`RateLimitExceeded`]; then none of them may be executed.
    pub fn effects(&self, caller: &Caller, fields: u32) -> Result<(), RateLimitExceeded> {
        let further = fields.saturating_sub(1);
        if caller.address != ClientAddress::NONE {
            let by_address = check_further(&self.addresses, &caller.address, further);
            by_address.inspect_err(|_| count_refused("address"))?;
        }
        let actor = caller.actor.as_ref();
        let by_account = actor.map_or(Ok(()), |actor| check_further(&self.accounts, &actor.id, further));
        by_account.inspect_err(|_| count_refused("account"))
    }

    /// Removes idle keys at an interval.
    pub async fn sweep(self) {
        if self.accounts.is_none() && self.addresses.is_none() {
            return;
        }
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
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

/// Counts a refusal in the metrics, by the kind of limit.
pub fn count_refused(by: &'static str) {
    metrics::counter!("ocpizza_rate_limited_total", "by" => by).increment(1);
}

/// Returns the response to a request that exceeds a limit.
pub fn refuse(media: MediaType, RateLimitExceeded(wait): RateLimitExceeded) -> Response {
    let seconds = in_seconds(wait);
    let extensions = json!({ "code": ErrorCode::RateLimited.as_str(), "retryAfter": seconds });
    let message = ApiError::from(RateLimitExceeded(wait)).to_string();
    let body = json!({ "errors": [{ "message": message, "extensions": extensions }] });
    let mut response = answer(StatusCode::TOO_MANY_REQUESTS, media, body.to_string());
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// Limits requests by client address.
pub async fn limit(State(limiter): State<RateLimiter>, request: Request, next: Next) -> Response {
    let address = request.extensions().get().copied().unwrap_or(ClientAddress::NONE);
    if !UNLIMITED_PATHS.contains(&request.uri().path())
        && let Err(error) = limiter.address(address)
    {
        count_refused("address");
        let media = MediaType::accepted(request.headers()).unwrap_or(MediaType::Json);
        return refuse(media, error);
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_limits_and_names_invalid_ones() {
        assert_eq!("50/500".parse::<RateLimit>().unwrap(), RateLimit::of(50, 500));
        assert_eq!(" off".parse::<RateLimit>().unwrap(), RateLimit::OFF);
        for wrong in
            ["", "50", "0/10", "10/0", "-1/5", "fast/slow", "5000000000/1", "4294967295/1", "1/1000001"]
        {
            assert!(wrong.parse::<RateLimit>().unwrap_err().to_string().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn limits_each_account_separately() {
        let limits = RateLimits { account: RateLimit::of(1, 2), address: RateLimit::OFF };
        let limiter = RateLimiter::new(limits);
        let (greedy, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        assert_eq!((limiter.account(greedy), limiter.account(greedy)), (Ok(()), Ok(())));
        let RateLimitExceeded(wait) = limiter.account(greedy).unwrap_err();
        assert!(wait <= Duration::from_secs(1) && in_seconds(wait) == 1, "{wait:?}");
        assert_eq!(limiter.account(other), Ok(()));
        let address = ClientAddress::from(std::net::IpAddr::from([192, 0, 2, 1]));
        assert!((0..1_000).all(|_| limiter.address(address).is_ok()));
    }

    #[test]
    fn counts_the_fields_of_a_mutation_for_its_address() {
        let limits = RateLimits { account: RateLimit::OFF, address: RateLimit::of(1, 20) };
        let limiter = RateLimiter::new(limits);
        let from = |last: u8| Caller {
            address: std::net::IpAddr::from([192, 0, 2, last]).into(),
            ..Caller::anonymous(messages::labels::Lang::default(), "test".into())
        };
        // The request itself counts as one of the ten.
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
