//! `what-if`: replays what the API recorded under another policy, and writes nothing.

use std::io::Write;

use serde_json::{Value, json};
use sqlx::Executor;
use tempfile::NamedTempFile;
use tests::Shop;
use tests::orders::{basket, pizza};
use tests::processes::run;

use crate::api::why::evening;

/// A policy file.
fn policy(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

async fn replay(shop: &Shop, from: &str, policy: &NamedTempFile) -> Value {
    let path = policy.path().to_str().unwrap();
    let arguments =
        ["audit", "replay", "--from", from, "--to", "2100-01-01", "--policy", path, "--format", "json"];
    let output = run(&shop.database().url, &arguments).await;
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test]
async fn replays_an_evening_with_and_without_a_policy_and_writes_nothing() {
    let shop = Shop::open().await;
    let sql = "SELECT to_char(max(recorded_at) AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') FROM events";
    let opened: String = sqlx::query_scalar(sql).fetch_one(&shop.database().pool).await.unwrap();
    let (reception, kitchen) = (shop.person("receptionist1.p1"), shop.person("pizzaiolo1.p1"));
    // An order cancelled after its preparation started, before the evening: waste.
    let wasted = reception.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 2)])).await;
    kitchen.step("startPreparation", &wasted).await;
    let manager = shop.person("manager.p1");
    manager.to_order("cancelOrder", &wasted, json!({ "reason": "OTHER" })).await;
    evening(&shop).await;
    let head = manager.head().await;

    // New connections to the database are read-only from now on.
    let database: String =
        sqlx::query_scalar("SELECT current_database()").fetch_one(&shop.database().pool).await.unwrap();
    let read_only = format!("ALTER DATABASE \"{database}\" SET default_transaction_read_only = on");
    shop.database().pool.execute(&*read_only).await.unwrap();

    let nothing = replay(&shop, &opened, &policy("")).await;
    let p1 = &nothing["pizzerias"]["P1"];
    for (pizzeria, row) in nothing["pizzerias"].as_object().unwrap() {
        assert_eq!(row["recorded"], row["unchanged"], "{pizzeria}");
        assert_eq!(row["unchanged"], row["changed"], "{pizzeria}");
    }
    let recorded = &p1["recorded"];
    assert_eq!(
        (&recorded["orders"], &recorded["refused"], &recorded["sold"]),
        (&json!(5), &json!(6), &json!(3))
    );
    assert_eq!(recorded["waste"]["GOAT_CHEESE"], 60);
    assert_eq!(recorded["waste"]["MOZZARELLA"], 240, "of the order that was begun");
    // The revenue equals the read model's to the cent.
    let sql = "SELECT sum((document->>'gross')::bigint)::bigint, sum((document->>'refused')::bigint)::bigint \
               FROM daily_sales WHERE pizzeria = 'P1'";
    let taken = recorded["takingsCents"].as_i64().unwrap();
    tests::eventually("the read model has the same figures", || async {
        let row: (Option<i64>, Option<i64>) =
            sqlx::query_as(sql).fetch_one(&shop.database().pool).await.unwrap();
        (row == (Some(taken), Some(6))).then_some(())
    })
    .await;

    let more = policy("[pizzerias.P1]\nopening_stock = { GOAT_CHEESE = 2000 }\n");
    let otherwise = replay(&shop, &opened, &more).await;
    let changed = &otherwise["pizzerias"]["P1"]["changed"];
    assert_eq!(
        (&changed["refused"], &changed["orders"], &changed["sold"]),
        (&json!(0), &json!(11), &json!(9))
    );
    assert_eq!(changed["takingsCents"], json!(taken + 8_400), "the six that were refused");
    assert_eq!(otherwise["pizzerias"]["P1"]["unchanged"], *recorded);
    assert_eq!(otherwise["pizzerias"]["P2"], nothing["pizzerias"]["P2"]);
    assert_eq!(manager.head().await, head, "nothing was stored");

    // The example of the documentation is a valid policy and prints a table.
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/audit/policy.toml");
    let arguments =
        ["audit", "replay", "--from", &opened, "--to", "2100-01-01", "--policy", example, "--pizzeria", "P1"];
    let output = run(&shop.database().url, &arguments).await;
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let refused = text.lines().find(|line| line.starts_with("refused for want of stock")).unwrap();
    assert_eq!(refused.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["0", "6", "6"], "{text}");
    assert!(!text.contains("\nP2 "), "{text}");

    for (text, says) in
        [("[all]\nfee = 1", "not \"fee = 1\""), ("[all]\norders_at_once = 0", "not \"orders_at_once = 0\"")]
    {
        let path = policy(text);
        let path = path.path().to_str().unwrap();
        let arguments = ["audit", "replay", "--from", "2026-01-01", "--to", "2026-01-02", "--policy", path];
        let output = run(&shop.database().url, &arguments).await;
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
        assert!(stderr.contains(says), "{stderr}");
    }
    let usage = ["audit", "replay", "--from", "yesterday", "--to", "2026-01-02", "--policy", "p"];
    assert_eq!(run(&shop.database().url, &usage).await.status.code(), Some(2));
}
