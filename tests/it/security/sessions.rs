//! Sessions: forged, expired and idle tokens, key rotation, and revocation in every process.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use event_store::Follower;
use identity::accounts::session::{self, Issuer};
use identity::accounts::{AccessChange, Authenticator, ServerKey, account_by_email, issue_token};
use identity::clock::Clock;
use secrecy::SecretString;
use serde_json::json;
use server::app::Config;
use sqlx::PgPool;
use tests::server::Server;
use tests::{Answer, Api, Demo, Shop, eventually, within};
use uuid::Uuid;

const ME: &str = "{ me { email role } }";

async fn me(base: &str, token: &str) -> Answer {
    Api::new(base).with_token(token).ask(ME, json!({})).await
}

#[track_caller]
fn assert_refused(answer: &Answer) {
    assert_eq!((answer.status, answer.code()), (401, "UNAUTHENTICATED"), "{}", answer.body);
}

async fn id_of(pool: &PgPool, name: &str) -> Uuid {
    account_by_email(pool, &format!("{name}@ocpizza.example")).await.unwrap().unwrap().id
}

async fn token_of(pool: &PgPool, key: &ServerKey, name: &str) -> String {
    issue_token(pool, key, &format!("{name}@ocpizza.example"), &Clock::system()).await.unwrap().0
}

#[tokio::test]
async fn accepts_only_unchanged_tokens_issued_under_the_key() {
    let shop = Shop::open().await;
    let (pool, base) = (&shop.database().pool, &shop.server.base);
    let token = token_of(pool, &ServerKey::development(pool).await.unwrap(), "director").await;
    assert_eq!(me(base, &token).await.data()["me"]["role"], "DIRECTOR");

    let other = ServerKey::new(&SecretString::from("another key, as long as one should be"));
    let of_another_key = token_of(pool, &other, "director").await;
    let stored: Vec<u8> =
        sqlx::query_scalar("SELECT token_hash FROM sessions LIMIT 1").fetch_one(pool).await.unwrap();
    let hash: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
    let director = id_of(pool, "director").await.to_string();
    let swapped: String = token.chars().rev().collect();
    for forged in [
        of_another_key.as_str(),
        &token[..token.len() - 1],
        &format!("{token}A"),
        &format!("{}A", &token[..token.len() - 1]),
        &token.to_uppercase(),
        &format!("ocp_{}", &swapped[..43]),
        &format!("ocp_{}", "A".repeat(43)),
        &hash,
        &director,
        // {"alg":"none"} {"role":"DIRECTOR"}, without a signature and with a name as the signature.
        "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiRElSRUNUT1IifQ.",
        "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiRElSRUNUT1IifQ.none",
        "' OR true --",
        "ocp_",
        "null",
    ] {
        // The last of 43 characters carries four bits: other characters may decode to the same bytes, but are
        // another token.
        if forged != token {
            assert_refused(&me(base, forged).await);
        }
    }
    let old = session::open(
        pool,
        &ServerKey::development(pool).await.unwrap(),
        id_of(pool, "director").await,
        Issuer::SignIn,
        long_ago(),
    )
    .await
    .unwrap();
    assert!(old.1 < Clock::system().now());
    assert_refused(&me(base, &old.0).await);
}

#[allow(clippy::disallowed_methods)] // the tests' clock
fn long_ago() -> DateTime<Utc> {
    Utc::now() - session::LIFETIME - TimeDelta::seconds(1)
}

static MINUTES: AtomicI64 = AtomicI64::new(0);

#[allow(clippy::disallowed_methods)] // the tests' clock
fn later() -> DateTime<Utc> {
    Utc::now() + TimeDelta::minutes(MINUTES.load(Ordering::Relaxed))
}

#[tokio::test]
async fn staff_sessions_end_after_half_an_hour_without_use() {
    let demo = Demo::create().await;
    let server = Server::start(&demo.database, Clock(later)).await;
    let (manager, customer) =
        (demo.person(&server.base, "manager.p1"), demo.person(&server.base, "customer1"));
    let uses = async || {
        let sql =
            "SELECT s.last_used_at FROM sessions s JOIN accounts a ON a.id = account_id WHERE email = $1";
        let query = sqlx::query_scalar(sql).bind("manager.p1@ocpizza.example");
        let used: DateTime<Utc> = query.fetch_one(&demo.database.pool).await.unwrap();
        used
    };
    for minutes in [1, 30, 59] {
        MINUTES.store(minutes, Ordering::Relaxed);
        let before = uses().await;
        manager.data(ME, json!({})).await;
        eventually("the session's use is recorded", async || (uses().await > before).then_some(())).await;
    }
    // Within a minute the use is not recorded again.
    let noted = uses().await;
    manager.data(ME, json!({})).await;
    manager.data(ME, json!({})).await;
    assert_eq!(uses().await, noted);

    MINUTES.store(59 + 31, Ordering::Relaxed);
    assert_refused(&manager.ask(ME, json!({})).await);
    customer.data(ME, json!({})).await;
    MINUTES.store((session::LIFETIME + TimeDelta::minutes(1)).num_minutes(), Ordering::Relaxed);
    assert_refused(&customer.ask(ME, json!({})).await);
}

#[tokio::test]
async fn revocations_apply_to_the_next_request_in_every_process() {
    let shop = Shop::open().await;
    let pool = &shop.database().pool;
    let second = Server::start(shop.database(), Clock::system()).await;
    let here = shop.person("manager.p1");
    let there = here.at(&second.base);
    let sales = r#"{ sales(pizzeriaId: "P1", from: "2026-11-01", to: "2026-11-02") { date } }"#;
    here.data(sales, json!({})).await;
    there.data(sales, json!({})).await;

    // Demoted during a session.
    sqlx::query("UPDATE accounts SET role = 'COURIER' WHERE email = 'manager.p1@ocpizza.example'")
        .execute(pool)
        .await
        .unwrap();
    assert_eq!(here.ask(sales, json!({})).await.code(), "FORBIDDEN");
    assert_eq!(there.ask(sales, json!({})).await.code(), "FORBIDDEN");

    let key = ServerKey::development(pool).await.unwrap();
    let manager = id_of(pool, "manager.p1").await;
    let (other, _) = session::open(pool, &key, manager, Issuer::SignIn, Clock::system().now()).await.unwrap();
    let authenticator = Authenticator::start(pool.clone(), key, Clock::system());
    let kept = authenticator.authenticate(&other).await.unwrap().unwrap();
    session::end_all_of(pool, manager, Some(kept.id)).await.unwrap();
    assert_refused(&here.ask(ME, json!({})).await);
    assert_refused(&there.ask(ME, json!({})).await);
    me(&second.base, &other).await.data();
    assert!(session::end(pool, kept.id).await.unwrap());
    assert!(!session::end(pool, kept.id).await.unwrap());
    assert_refused(&me(&second.base, &other).await);
}

#[tokio::test]
async fn concurrent_requests_each_get_their_own_session() {
    let shop = Shop::open().await;
    let people = ["director", "auditor", "manager.p1", "courier1.p1", "customer1", "customer2"];
    let asked = (0..200).map(|nth| {
        let name = people[nth % people.len()];
        let api = if nth % 7 == 0 {
            shop.anonymous().with_token(format!("ocp_{nth:043}"))
        } else {
            shop.person(name)
        };
        async move { (nth, name, api.ask(ME, json!({})).await) }
    });
    for (nth, name, answer) in within(futures_util::future::join_all(asked)).await {
        if nth % 7 == 0 {
            assert_refused(&answer);
        } else {
            assert_eq!(answer.data()["me"]["email"], format!("{name}@ocpizza.example"));
        }
    }
}

#[tokio::test]
async fn accepts_and_migrates_tokens_of_the_previous_key_until_it_expires() {
    let demo = Demo::create().await;
    let pool = &demo.database.pool;
    let (old, new): (SecretString, SecretString) = ("o".repeat(32).into(), "n".repeat(32).into());
    let seen = token_of(pool, &ServerKey::new(&old), "customer1").await;
    let unseen = token_of(pool, &ServerKey::new(&old), "customer2").await;
    let now = Clock::system().now();
    let with = |key| Config { key: Some(key), ..Config::new(pool.clone(), Clock::system()) };

    let strict = Server::with(with(ServerKey::new(&new))).await;
    assert_refused(&me(&strict.base, &seen).await);
    let over = Server::with(with(ServerKey::rotated(&new, &old, now - TimeDelta::seconds(1)))).await;
    assert_refused(&me(&over.base, &seen).await);

    let rotating = Server::with(with(ServerKey::rotated(&new, &old, now + TimeDelta::hours(1)))).await;
    me(&rotating.base, &seen).await.data();
    // Moved to the new key, which is now sufficient; the token stays valid where both keys are known.
    eventually("the session is moved", async || (me(&strict.base, &seen).await.status == 200).then_some(()))
        .await;
    me(&rotating.base, &seen).await.data();
    assert_refused(&me(&strict.base, &unseen).await);
}

#[tokio::test]
async fn every_process_notices_changes_and_lost_connections() {
    let demo = Demo::create().await;
    let pool = &demo.database.pool;
    let key = ServerKey::development(pool).await.unwrap();
    let follower = Follower::start(pool.clone(), &[session::CHANNEL]).await.unwrap();
    let authenticator = Authenticator::start(pool.clone(), key.clone(), Clock::system());
    authenticator.listen(&follower);
    let mut changes = authenticator.changes();
    let customer = id_of(pool, "customer1").await;
    let director = id_of(pool, "director").await;

    // The follower starts to listen asynchronously.
    within(async {
        loop {
            session::announce(pool, director).await.unwrap();
            let waited = tokio::time::timeout(Duration::from_millis(50), changes.recv()).await;
            if let Ok(changed) = waited {
                return changed.unwrap();
            }
        }
    })
    .await;
    let mut transaction = pool.begin().await.unwrap();
    session::end_all_of(&mut *transaction, customer, None).await.unwrap();
    transaction.commit().await.unwrap();
    let mut next = async || loop {
        match within(changes.recv()).await.unwrap() {
            AccessChange::Account(id) if id == director => {}
            changed => return changed,
        }
    };
    let changed = next().await;
    assert_eq!(changed, AccessChange::Account(customer));
    assert!(changed.concerns(customer) && !changed.concerns(director));

    let ended = sqlx::query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
         AND pid <> pg_backend_pid() AND query ILIKE 'LISTEN%'",
    );
    assert!(!ended.fetch_all(pool).await.unwrap().is_empty());
    let changed = next().await;
    assert_eq!(changed, AccessChange::Any);
    assert!(changed.concerns(customer));
}
