//! A log that is put back only up to some moment, and a system that goes on rightly from there.

use serde_json::json;
use sqlx::PgPool;
use tests::orders::{basket, pizza, side, with};
use tests::processes::{Process, run};
use tests::{Demo, eventually};

use super::{Dir, bare, done, gapless, last, refused, settled, signed_in, verified, water};

async fn count(pool: &PgPool, sql: &str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn up_to_a_position_or_a_time_and_then_on() {
    let (dir, demo) = (Dir::new("cut"), Demo::create().await);
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
    // What comes after: a reactor's delivery, a payment, an order under a key, somebody new.
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
    assert!(line.contains("nothing of the log is as old as that"), "{line}");
    // Inside of the command that placed the first order: all of it goes.
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

    let process = Process::serve(&database.url).await;
    let customer = signed_in(&process, &database, "customer1@ocpizza.example").await;
    let manager = signed_in(&process, &database, "manager.p1@ocpizza.example").await;
    // The reactor's work that was cut off is done again, from the event that stayed.
    manager.delivery_of(&early).await;
    // The charge whose capture was cut off is captured again, and once.
    let paid = eventually("the charge is captured again", || async {
        let order = customer.order(&online, "paid { amount }", &json!(null)).await;
        (order["paid"]["amount"] != "0.00").then_some(order)
    })
    .await;
    assert_eq!(paid["paid"]["amount"], "3.60");
    assert_eq!(count(pool, "SELECT count(*) FROM demo_charges").await, 1);
    // The command whose answer is forgotten is carried out again.
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
