//! Restores up to a position or time, and the system that continues from there.

use domain::LogPosition;
use serde_json::json;
use sqlx::PgPool;
use tests::log::grow;
use tests::orders::{basket, pizza, side, with};
use tests::processes::{Process, run};
use tests::{Database, Demo, eventually};
use transparency::{FindingKind, SealError, SealingKey, Signer, Until, heads_after, seal};

use super::{Dir, bare, done, gapless, last, refused, settled, signed_in, verified, water};

async fn count(pool: &PgPool, sql: &str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restores_up_to_a_position_or_a_time_and_continues() {
    let (dir, demo) = (Dir::new(), Demo::create().await);
    let process = Process::serve(&demo.database.url).await;
    let person = |name: &str| demo.person(&process.base, name);
    let (customer, cook, manager) = (person("customer1"), person("pizzaiolo1.p1"), person("manager.p1"));
    let early = customer.placed(basket("P1", "DELIVERY", &[pizza("MAR", "M", 2)])).await;
    let online = with(basket("P1", "TAKEAWAY", &[side("WATER", 2)]), json!({ "payment": "ONLINE" }));
    let online = customer.placed(online).await;
    cook.step("startPreparation", &early).await;
    cook.step("markOrderReady", &early).await;
    let ready = cook.order(&early, "version status", &json!(null)).await;
    assert_eq!(ready["status"], "READY");
    let pool = &demo.database.pool;
    let at = count(pool, "SELECT max(position) FROM events WHERE event_type = 'OrderReady'").await;
    let time: String = sqlx::query_scalar(
        "SELECT to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM events WHERE position = $1",
    )
    .bind(at)
    .fetch_one(pool)
    .await
    .unwrap();
    // Events after the cut: a reactor's delivery, a payment, an order under a key, a new customer.
    manager.delivery_of(&early).await;
    let paid = customer.to_order("payOnline", &online, json!({})).await;
    assert_eq!(tests::orders::refusals(&paid), Vec::<&str>::new());
    let keyed = with(water(), json!({ "idempotencyKey": "late" }));
    let late = customer.placed(keyed.clone()).await;
    process.kill().await;
    let charged = count(pool, "SELECT count(*) FROM demo_charges WHERE status = 'ACCEPTED'").await;
    assert_eq!(charged, 1);
    let file = dir.file("a.backup");
    done(&run(&demo.database.url, &["backup", &file]).await);

    let line = refused(&run(&bare().await.url, &["restore", &file, "--to", "1000000"]).await);
    assert!(line.contains("the backup ends at position"), "{line}");
    let line = refused(&run(&bare().await.url, &["restore", &file, "--to", "2000-01-01T00:00:00Z"]).await);
    assert!(line.contains("no whole command of the log is that old"), "{line}");
    // Inside the command that placed the first order: all of its events are cut.
    let placed = count(pool, "SELECT min(position) FROM events WHERE event_type = 'OrderPlaced'").await;
    let torn = bare().await;
    done(&run(&torn.url, &["restore", &file, "--to", &placed.to_string()]).await);
    assert_eq!(last(&torn.pool).await, placed - 1);
    assert_eq!(count(&torn.pool, "SELECT count(*) FROM contacts").await, 0);

    let database = bare().await;
    let said = done(&run(&database.url, &["restore", &file, "--to", &at.to_string()]).await);
    assert!(said.contains(&format!("the log was cut at position {at}")), "{said}");
    assert_eq!((last(&database.pool).await, gapless(&database.pool).await), (at, at));
    verified(&database.url).await;
    let pool = &database.pool;
    assert_eq!(count(pool, "SELECT count(*) FROM idempotency_keys WHERE key = 'late'").await, 0);
    assert_eq!(count(pool, "SELECT count(*) FROM contacts").await, 2, "of the orders that are left");
    let reactors = "SELECT min(position) FROM checkpoints WHERE name LIKE 'reactor:delivery%'";
    assert_eq!(count(pool, reactors).await, at - 1, "reactors repeat only what was cut off");

    let process = Process::serve(&database.url).await;
    let customer = signed_in(&process, &database, "customer1@ocpizza.example").await;
    let manager = signed_in(&process, &database, "manager.p1@ocpizza.example").await;
    // The reactor repeats its cut work from the event that remains.
    manager.delivery_of(&early).await;
    // The charge whose capture was cut is captured again, once.
    let paid = eventually("the charge is captured again", || async {
        let order = customer.order(&online, "paid { amount }", &json!(null)).await;
        (order["paid"]["amount"] != "0.00").then_some(order)
    })
    .await;
    assert_eq!(paid["paid"]["amount"], "3.60");
    assert_eq!(count(pool, "SELECT count(*) FROM demo_charges").await, 1);
    // The command whose answer was cut is executed again.
    let again = customer.placed(keyed).await;
    assert_ne!(again["id"], late["id"]);
    settled(pool).await;
    assert_eq!(gapless(pool).await, last(pool).await);
    process.kill().await;
    verified(&database.url).await;

    let by_time = bare().await;
    done(&run(&by_time.url, &["restore", &file, "--to", &time]).await);
    assert_eq!(last(&by_time.pool).await, at);
}

/// A log of 1700 events with heads over 600 and 1600, published up to 1600, is cut at 1300: the tree returns to
/// the remaining head, and sealing continues from there.
#[tokio::test]
async fn the_tree_returns_to_the_last_remaining_head() {
    let (dir, whole) = (Dir::new(), Database::create().await);
    let (file, key) = (dir.file("a.backup"), SealingKey::from_seed(&[7; 32]));
    let seal_now = async |pool: &PgPool| {
        let mut db = pool.acquire().await.unwrap();
        let heads = seal(&mut db, &key, Until::Now, crate::log::sealing::now()).await.unwrap();
        heads.iter().map(|head| head.signed.head.size).collect::<Vec<_>>()
    };
    grow(&whole.pool, 600).await;
    assert_eq!(seal_now(&whole.pool).await, [600]);
    grow(&whole.pool, 1_100).await;
    assert_eq!(seal_now(&whole.pool).await, [1_600, 1_700]);
    let published = "INSERT INTO head_publications VALUES ('a place', 1600, now())";
    sqlx::query(published).execute(&whole.pool).await.unwrap();
    let outside = crate::log::sealing::all_heads(&whole.pool).await;
    done(&run(&whole.url, &["backup", &file]).await);

    for (to, kept) in [(1_300, 600), (600, 600), (599, 0), (1_650, 1_600)] {
        let database = bare().await;
        let pool = &database.pool;
        done(&run(&database.url, &["restore", &file, "--to", &to.to_string()]).await);
        let verify = async |given: &[_]| crate::log::sealing::verify(pool, given).await;
        let report = verify(&[]).await;
        assert_eq!(report.unsealed, u64::try_from(to - kept).unwrap(), "{to}");
        assert!(matches!(report.finding.unwrap().wrong, FindingKind::HeadLost { .. }), "{to}");
        // The signed heads beyond the cut are remembered.
        let published = async || count(pool, "SELECT size FROM head_publications").await;
        assert_eq!(published().await, 1_600, "{to}");
        let mut db = pool.acquire().await.unwrap();
        let refused = seal(&mut db, &key, Until::Now, crate::log::sealing::now()).await;
        assert!(matches!(refused, Err(SealError::Rewound { lost: 1_700 | 1_600, .. })), "{to}: {refused:?}");
        assert!(transparency::check_end(&mut db, None).await.is_err(), "{to}");
        assert!(verify(&outside).await.finding.is_some(), "{to}");
        let signer = Signer::from(key.clone());
        signer.resume(&mut db, "restored", &[], crate::log::sealing::now()).await.unwrap();
        let published = published().await;
        assert_eq!(published, kept.min(1_600), "{to}");
        transparency::check_end(&mut db, Some(&signer)).await.unwrap();
        // Sealing continues, also over new events; these heads will be published.
        let mut sizes = seal_now(pool).await;
        grow(pool, 300).await;
        sizes.extend(seal_now(pool).await);
        assert!(sizes.iter().all(|size| i64::try_from(*size).unwrap() > published), "{to}: {sizes:?}");
        assert_eq!(sizes.last(), Some(&u64::try_from(to + 300).unwrap()), "{to}");
        assert_eq!(heads_after(pool, LogPosition(published), 100).await.unwrap().len(), sizes.len());
        assert_eq!(verify(&[]).await.finding, None, "{to}");
        // The holder of a head beyond the cut can see that it was given up, and by which key.
        let report = verify(&outside).await;
        assert_eq!((report.finding, report.resumptions.len()), (None, 1), "{to}");
        assert!(report.given_up > 0, "{to}");
        assert_eq!(report.resumptions[0].size, u64::try_from(kept).unwrap());
    }
}
