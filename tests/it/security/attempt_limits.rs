//! Limits on attempts to sign in and to send mail, by account and client address, over all processes.

use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use identity::accounts::{AttemptError, AttemptLimiter, AttemptLimits, Origin, ServerKey, SignInClaim};
use identity::client_address::ClientAddress;
use identity::clock::Clock;
use mail::{Letter, MailQueue, MailSettings};
use tests::{Database, within};
use uuid::Uuid;

async fn limiter(database: &Database, clock: Clock, limits: AttemptLimits) -> AttemptLimiter {
    let key = ServerKey::development(&database.pool).await.unwrap();
    AttemptLimiter::new(database.pool.clone(), key, clock, limits)
}

fn from(last: u8) -> ClientAddress {
    IpAddr::from([192, 0, 2, last]).into()
}

/// An anonymous attempt.
fn claim(email: &str, address: ClientAddress) -> SignInClaim<'_> {
    SignInClaim { email, account: None, address, device: None }
}

fn origin(last: u8) -> Origin {
    Origin { account: None, address: from(last) }
}

#[track_caller]
fn wait_of<T: std::fmt::Debug>(attempt: Result<T, AttemptError>) -> u64 {
    match attempt {
        Err(AttemptError::TooMany(wait)) => wait.as_secs(),
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test]
async fn two_processes_share_one_limit_on_concurrent_attempts() {
    let database = Database::create().await;
    let limits =
        AttemptLimits { sign_in_per_account: 10, sign_in_per_address: 25, ..AttemptLimits::default() };
    let processes = [
        limiter(&database, Clock::system(), limits).await,
        limiter(&database, Clock::system(), limits).await,
    ];
    // In any spelling, and also for an address without an account.
    let spellings = ["nobody@example.org", "Nobody@Example.ORG", " nobody@example.org "];
    let attempts = (0..60_u8).map(|nth| {
        let limiter = &processes[usize::from(nth % 2)];
        limiter.sign_in(claim(spellings[usize::from(nth % 3)], from(nth)))
    });
    let heard = within(futures_util::future::join_all(attempts)).await;
    assert_eq!(heard.iter().filter(|attempt| attempt.is_ok()).count(), 10);
    // Another account is unaffected; an address that tries many accounts is limited.
    let attempts = (0..60).map(|nth| {
        let limiter = &processes[nth % 2];
        async move { limiter.sign_in(claim(&format!("customer{nth}@example.org"), from(200))).await }
    });
    let heard = within(futures_util::future::join_all(attempts)).await;
    assert_eq!(heard.iter().filter(|attempt| attempt.is_ok()).count(), 25);

    let stored: Vec<(Vec<u8>, String)> =
        sqlx::query_as("SELECT subject, a::text FROM attempts a").fetch_all(&database.pool).await.unwrap();
    assert!(stored.len() > 2);
    assert!(
        stored.iter().all(|(subject, row)| subject.len() == 32
            && !row.contains("example")
            && !row.contains("192.0.2"))
    );
}

static MINUTES: AtomicI64 = AtomicI64::new(0);

fn later() -> DateTime<Utc> {
    "2026-11-24T12:00:00Z".parse::<DateTime<Utc>>().unwrap()
        + TimeDelta::minutes(MINUTES.load(Ordering::Relaxed))
}

#[tokio::test]
async fn the_window_slides_and_a_success_clears_the_failures() {
    let database = Database::create().await;
    let limits = AttemptLimits {
        sign_in_per_account: 3,
        sign_in_per_address: 4,
        sign_up_per_address: 1,
        mail_per_account: 1,
        mail_per_address: 2,
    };
    let limiter = limiter(&database, Clock(later), limits).await;
    let at = |minutes| MINUTES.store(minutes, Ordering::Relaxed);
    let (email, other) = ("customer1@example.org", "customer2@example.org");
    for minutes in [0, 5, 10] {
        at(minutes);
        let _counted = limiter.sign_in(claim(email, from(1))).await.unwrap();
    }
    at(12);
    // A refusal at a locked account still counts for the address.
    assert_eq!(wait_of(limiter.sign_in(claim(email, from(1))).await), 3 * 60);
    assert_eq!(wait_of(limiter.sign_in(claim(other, from(1))).await), 3 * 60);
    // Refused attempts do not extend the lock: the first of the three still leaves the window.
    assert_eq!(wait_of(limiter.sign_in(claim(email, from(2))).await), 3 * 60);
    at(15);
    let right = limiter.sign_in(claim(email, from(2))).await.unwrap();
    assert_eq!(wait_of(limiter.sign_in(claim(email, from(2))).await), 5 * 60);
    limiter.succeeded(right).await.unwrap();
    for _ in 0..3 {
        let _counted = limiter.sign_in(claim(email, from(3))).await.unwrap();
    }
    wait_of(limiter.sign_in(claim(email, from(3))).await);
    limiter.forgive(&database.pool, Uuid::nil(), email, from(3)).await.unwrap();
    let _counted = limiter.sign_in(claim(email, from(4))).await.unwrap();

    // Answers about an address: by any account from one address, and by one account from any address.
    let _counted = limiter.look_up(origin(5)).await.unwrap();
    wait_of(limiter.look_up(origin(5)).await);
    let account = Some(Uuid::from_u128(7));
    let _counted = limiter.look_up(Origin { account, address: from(6) }).await.unwrap();
    wait_of(limiter.look_up(Origin { account, address: from(7) }).await);
    // Mails to an address from any origin, and from one client address.
    let queue = MailQueue::new(MailSettings::default(), limiter.clone());
    let permit = async |to: &str, last| queue.permit(Letter::VerifyEmail, to, origin(last)).await;
    let _counted = permit(email, 5).await.unwrap();
    wait_of(permit(email, 6).await);
    let _counted = permit(other, 5).await.unwrap();
    wait_of(permit("customer3@example.org", 5).await);
    // Anonymous requests do not use up the warnings to the same address.
    let _counted = queue.permit(Letter::Moved, email, origin(8)).await.unwrap();
}

#[tokio::test]
async fn successful_attempts_do_not_count_for_an_address() {
    let database = Database::create().await;
    let limits = AttemptLimits { sign_in_per_account: 5, sign_in_per_address: 2, ..AttemptLimits::default() };
    let limiter = limiter(&database, Clock::system(), limits).await;
    for nth in 0..10 {
        let attempt = limiter.sign_in(claim(&format!("customer{nth}@example.org"), from(1))).await.unwrap();
        limiter.succeeded(attempt).await.unwrap();
    }
    let _failed = limiter.sign_in(claim("customer1@example.org", from(1))).await.unwrap();
    let _failed = limiter.sign_in(claim("customer1@example.org", from(1))).await.unwrap();
    wait_of(limiter.sign_in(claim("customer2@example.org", from(1))).await);
}
