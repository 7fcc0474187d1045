//! The previous release: its log restores, verifies, projects and replays to the figures that it found, and its
//! processes serve one database beside today's during an update.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use futures_util::future::join_all;
use serde_json::{Value, json};
use sqlx::Executor;
use tests::orders::{basket, pizza};
use tests::processes::{Process, binary, run_program};
use tests::{Api, Database, eventually};
use tokio::sync::watch;

use crate::operations::load::Load;

/// Release whose log is kept: 2,501 events of `simulate --events 2500 --seed 15 --days 1`, sealed.
const RELEASE: &str = "2026-11-30";

/// Public key of its heads.
const KEY: &str = "ocpizza-manager/6e6aff3b-7a3a-4aed-a017-995d335ee89b+1592672d+ATyMNDeZzH/atN3qBiOtQ0clRZJ+399SB9vdOya31WxY";

/// Figures of the read models, by the columns and fields that every release has.
const FIGURES: &str = "SELECT json_build_object( \
    'orders', (SELECT json_agg(json_build_array(number, status, total, due) ORDER BY number) FROM order_details), \
    'deliveries', (SELECT json_object_agg(status, orders) \
        FROM (SELECT status, count(*) AS orders FROM deliveries GROUP BY 1 ORDER BY 1) AS of_status), \
    'sales', (SELECT json_agg(json_build_array(pizzeria, day, document->'gross', document->'orders', document->'paid') \
        ORDER BY pizzeria, day) FROM daily_sales), \
    'stock', (SELECT json_agg(json_build_array(pizzeria, key, value->'onHand', value->'reserved') \
        ORDER BY pizzeria, key) FROM stock_levels, json_each(document->'levels')))";

fn kept(extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("releases").join(RELEASE).with_extension(extension)
}

/// Returns the previous release's binary, which `.ci/run` builds from its commit.
fn previous() -> Option<PathBuf> {
    let path = std::env::var_os("OCPIZZA_PREVIOUS_RELEASE").map(PathBuf::from)?;
    assert!(path.is_file(), "OCPIZZA_PREVIOUS_RELEASE: no file at {}", path.display());
    Some(path)
}

/// Returns a database without tables.
async fn bare() -> Database {
    let database = Database::create().await;
    database.pool.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public").await.unwrap();
    database
}

/// Returns the output of today's binary, which must succeed.
async fn done(database: &Database, arguments: &[&str]) -> String {
    done_by(&binary(), database, arguments).await
}

async fn done_by(program: &Path, database: &Database, arguments: &[&str]) -> String {
    let output = run_program(program, &database.url, arguments).await;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_of_the_previous_release_gives_the_same_figures() {
    let database = bare().await;
    let mut expected: Value = serde_json::from_slice(&tokio::fs::read(kept("json")).await.unwrap()).unwrap();

    done(&database, &["restore", kept("backup").to_str().unwrap()]).await;
    done(&database, &["audit", "verify", "--public-key", KEY]).await;
    done(&database, &["projections", "verify"]).await;
    let figures: Value = sqlx::query_scalar(FIGURES).fetch_one(&database.pool).await.unwrap();
    // The previous release clamped a shelf at 0 when more was used than it held: 20 g of cream.
    let cream = expected["stock"]
        .as_array_mut()
        .unwrap()
        .iter_mut()
        .find(|level| level[0] == "P5" && level[1] == "CREAM");
    let on_hand = &mut cream.unwrap()[2];
    *on_hand = (on_hand.as_i64().unwrap() - 20).into();
    for (name, found) in figures.as_object().unwrap() {
        assert_eq!(*found, expected[name], "{name}");
    }

    let policy = tempfile::NamedTempFile::new().unwrap();
    let policy = policy.path().to_str().unwrap();
    let period =
        ["audit", "replay", "--from", "2025-01-01", "--to", "2025-01-03", "--format", "json", "--policy"];
    let replayed = done(&database, &[&period[..], &[policy]].concat()).await;
    let replayed: Value = serde_json::from_str(&replayed).unwrap();
    for (pizzeria, recorded) in expected["replay"].as_object().unwrap() {
        let found = if pizzeria == "all" { &replayed["all"] } else { &replayed["pizzerias"][pizzeria] };
        assert_eq!((&found["recorded"], &found["unchanged"]), (recorded, recorded), "{pizzeria}");
    }
}

/// Number of orders that the clients place while both releases serve.
const TOGETHER: i64 = 40;

async fn orders_since(database: &Database, start: i64) -> i64 {
    let orders = "SELECT count(*) FROM events WHERE event_type = 'OrderPlaced' AND position > $1";
    sqlx::query_scalar(orders).bind(start).fetch_one(&database.pool).await.unwrap()
}

/// Returns what a process answers about an order; `None` if it cannot answer now.
async fn told(process: &Api, (order, at): &(String, i64)) -> Option<Value> {
    let document = "query($order: ID!, $at: LogPosition!) { order(id: $order, atLeastPosition: $at) \
        { number status total { amount } lines { name quantity } } }";
    let variables = json!({ "order": format!("order:{order}"), "at": at.to_string() });
    let answer = process.ask(document, variables).await;
    match &answer.body["errors"][0]["extensions"] {
        Value::Null => Some(answer.body["data"]["order"].clone()),
        error => {
            assert_eq!(error["retryable"], true, "{}", answer.body);
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[allow(clippy::print_stderr)] // says that it is skipped
async fn two_releases_serve_one_database_during_an_update() {
    let Some(previous) = previous() else {
        return eprintln!(
            "The update from the previous release is NOT TRIED: OCPIZZA_PREVIOUS_RELEASE names no binary"
        );
    };
    let database = bare().await;
    done_by(&previous, &database, &["restore", kept("backup").to_str().unwrap()]).await;
    let before = Process::serve_program(&previous, &database.url).await;
    let token = done_by(&previous, &database, &["token", "manager.p1@ocpizza.example"]).await;
    let manager = Api::new(&before.base).with_token(token.trim());
    let start: i64 =
        sqlx::query_scalar("SELECT position FROM event_log_head").fetch_one(&database.pool).await.unwrap();
    // States that today's release takes over from rows of the previous one.
    let open = manager.placed(basket("P1", "TAKEAWAY", &[pizza("MAR", "M", 1)])).await;
    let block = json!({ "pizza": "SAU", "reason": "no salmon" });
    let blocked = manager.to_stock("blockPizza", "P1", block.clone()).await;
    assert_eq!(blocked["userErrors"], json!([]), "{blocked}");
    let (known, bases) = watch::channel(vec![before.base.clone()]);
    let load = Load::begin(4, &manager, bases).await;

    // The release phase migrates while the previous release serves.
    done(&database, &["migrate"]).await;
    let after = Process::serve(&database.url).await;
    known.send_replace(vec![before.base.clone(), after.base.clone()]);
    let begun = orders_since(&database, start).await;
    eventually("orders are placed while both serve", || async {
        (orders_since(&database, start).await >= begun + TOGETHER).then_some(())
    })
    .await;
    let latest = "SELECT aggregate_id, position FROM events WHERE event_type = 'OrderPlaced' ORDER BY position DESC LIMIT 5";
    let latest: Vec<(String, i64)> = sqlx::query_as(latest).fetch_all(&database.pool).await.unwrap();
    // Read models stand still while the previous release, which cannot read today's orders, has their lease.
    let (old, new) = (manager.at(&before.base), manager.at(&after.base));
    let told_by_old = join_all(latest.iter().map(|order| told(&old, order))).await;
    known.send_replace(vec![after.base.clone()]);
    before.ask_to_end().await;
    for (order, told_before) in latest.iter().zip(told_by_old) {
        let right = eventually("today's release answers", || told(&new, order)).await;
        assert!(told_before.is_none_or(|answer| answer == right), "{right}");
    }
    let left = "query($order: ID!) { order(id: $order) { lines { name } } stock(pizzeriaId: \"P1\") { blocks { reason } } }";
    let left = new.data(left, json!({ "order": open["id"] })).await;
    assert_eq!(
        (left["order"]["lines"].as_array().unwrap().len(), &left["stock"]["blocks"][0]["reason"]),
        (1, &json!("no salmon"))
    );
    let clients = load.end().await;
    manager.at(&after.base).step("startPreparation", &open).await;

    let placed: Vec<i64> = clients.iter().flat_map(|client| &client.placed).map(|(_, at)| *at).collect();
    assert_eq!(
        placed.iter().collect::<HashSet<_>>().len(),
        placed.len(),
        "two orders were answered with one position"
    );
    let placed_by_hand = 1;
    assert_eq!(
        orders_since(&database, start).await,
        i64::try_from(placed.len() + placed_by_hand).unwrap(),
        "one order a key"
    );
    // Rows of the previous release hold the states as it wrote them until they are rebuilt.
    for model in ["order_details", "order_board", "kitchen_queue", "stock_levels", "daily_sales"] {
        done(&database, &["projections", "rebuild", model]).await;
    }
    done(&database, &["projections", "verify"]).await;
    done(&database, &["audit", "verify", "--public-key", KEY]).await;
}
