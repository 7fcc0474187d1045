//! `check`: findings on intact and broken deployments, and whole orders in a pizzeria hidden from other callers.

use std::process::Output;

use domain::access::Actor;
use domain::ids::PizzeriaId;
use domain::pizzeria::PizzeriaCommand;
use domain::usecase::ToPizzeria;
use event_store::{CommandContext, EventStore, Settings};
use identity::clock::Clock;
use serde_json::{Value, json};
use tests::orders::{basket, pizza};
use tests::processes::{Process, run};
use tests::{Api, Demo};
use uuid::Uuid;

/// Stdout, stderr, and whether it succeeded.
fn said(output: &Output) -> (bool, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

async fn functional(demo: &Demo, process: &Process) -> (bool, String, String) {
    said(&run(&demo.database.url, &["check", "--functional", &process.base]).await)
}

#[tokio::test]
async fn reports_whether_a_deployment_is_intact_and_why_not() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let (ok, table, error) = said(&run("", &["check", &format!("{}/", process.base)]).await);
    assert!(ok && table.ends_with("Deployed\n"), "{table}{error}");
    for row in ["healthz", "migrations", "read model order_board", "websocket", "security headers", "clock"] {
        assert!(table.lines().any(|line| line.starts_with(row) && line.contains(" ok ")), "{row}: {table}");
    }
    let (ok, table, error) = said(&run("", &["check", "--environment", "production", &process.base]).await);
    assert!(!ok && table.contains("FAILED"), "{table}");
    assert_eq!(error, "ocpizza-manager: not deployed: introspection: open to every caller\n");

    sqlx::query("UPDATE checkpoints SET failed_position = 1, failure = 'x' WHERE name = 'order_board'")
        .execute(&demo.database.pool)
        .await
        .unwrap();
    let (ok, _, error) = said(&run("", &["check", &process.base]).await);
    assert!(!ok);
    assert_eq!(error, "ocpizza-manager: not deployed: read model order_board: stopped at event 1\n");
    let (ok, json, _) = said(&run("", &["check", "--json", &process.base]).await);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert!(!ok && report["ok"] == false && report["findings"].is_array(), "{json}");

    let (ok, _, error) = said(&run("", &["check", "http://127.0.0.1:9"]).await);
    assert!(!ok && error.starts_with("ocpizza-manager: not deployed: healthz: no answer"), "{error}");
    assert_eq!(error.lines().count(), 1);
    let (ok, _, error) = said(&run("", &["check", "localhost:8080"]).await);
    assert!(!ok && error.contains("URL must be an address"), "{error}");
}

#[tokio::test]
async fn plays_whole_orders_that_other_callers_do_not_see() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let (ok, table, error) = functional(&demo, &process).await;
    assert!(ok && table.ends_with("Functional check passed\n"), "{table}{error}");
    assert!(table.contains("to the gram"), "{table}");
    // Once more, and two at a time.
    let (one, other) = tokio::join!(functional(&demo, &process), functional(&demo, &process));
    assert!(one.0 && other.0, "{one:?} {other:?}");

    let auditor = demo.person(&process.base, "auditor");
    let orders = "query($filter: OrderFilter) { orders(filter: $filter, first: 100) { nodes { status pizzeria { code } } } }";
    let all = auditor.ask(orders, json!({ "filter": { "pizzeriaId": "CHECK" } })).await.data();
    let all = all["orders"]["nodes"].as_array().unwrap().clone();
    assert_eq!(all.len(), 9, "{all:?}");
    let is_closed = |order: &Value| {
        ["CANCELLED", "DELIVERED", "HANDED_OVER"].contains(&order["status"].as_str().unwrap())
    };
    assert!(all.iter().all(is_closed), "{all:?}");
    let director = demo.person(&process.base, "director");
    let seen = director.ask(orders, json!({ "filter": {} })).await.data();
    let seen = seen["orders"]["nodes"].as_array().unwrap().clone();
    assert!(seen.iter().all(|order| order["pizzeria"]["code"] != "CHECK"), "{seen:?}");
    let sales = "{ sales(pizzeriaId: \"CHECK\", from: \"2026-01-01\", to: \"2026-12-31\") { orders } }";
    assert_eq!(auditor.ask(sales, Value::Null).await.data()["sales"], json!([]));
    assert_eq!(director.ask(sales, Value::Null).await.code(), "FORBIDDEN");
    let anonymous = Api::new(&process.base);
    assert_eq!(anonymous.ask("{ pizzeria(id: \"CHECK\") { code } }", Value::Null).await.code(), "NOT_FOUND");
    let listed =
        anonymous.ask("{ pizzerias { code } node(id: \"pizzeria:CHECK\") { id } }", Value::Null).await.data();
    assert!(!listed.to_string().contains("CHECK"), "{listed}");
}

#[tokio::test]
async fn the_token_of_the_check_opens_only_its_pizzeria() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let (ok, token, error) = said(&run(&demo.database.url, &["token", "--functional-check"]).await);
    assert!(ok, "{error}");
    let check = Api::new(&process.base).with_token(token.trim());
    let place = Api::mutation("placeOrder", "order { id }");
    let input = json!({ "input": basket("P1", "TAKEAWAY", &[pizza("REI", "M", 1)]) });
    assert_eq!(check.ask(&place, input).await.code(), "FORBIDDEN");
    for query in [
        "{ stock(pizzeriaId: \"P1\") { id } }",
        "{ orders(filter: { pizzeriaId: \"P1\" }, first: 1) { nodes { id } } }",
        "{ staff(first: 1) { nodes { id } } }",
        "mutation { pausePizzeria(input: { pizzeriaId: \"CHECK\" }) { position } }",
        "mutation { transferStock(input: { fromPizzeriaId: \"CHECK\", toPizzeriaId: \"P1\", lines: [] }) { position } }",
    ] {
        assert_eq!(check.ask(query, Value::Null).await.code(), "FORBIDDEN", "{query}");
    }
    // The pizzeria has no other staff.
    let director = demo.person(&process.base, "director");
    let open = "mutation { openPizzeria(input: { code: \"CHECK\", name: \"x\", address: \"x\", latitude: 1, longitude: 1, \
                hours: [], deliveryRadiusMetres: 1, deliveryFee: \"0.00\", minimumOrder: \"0.00\" }) { position } }";
    assert_eq!(director.ask(open, Value::Null).await.code(), "FORBIDDEN");
}

#[tokio::test]
async fn fails_if_the_pizzeria_takes_no_orders() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    assert!(functional(&demo, &process).await.0);
    let store = EventStore::start(demo.database.pool.clone(), Settings::default());
    let now = Clock::system().now();
    let command = PizzeriaCommand::Pause { reason: domain::note::Reason::default(), until: None, now };
    let pause = ToPizzeria { name: "pausePizzeria", pizzeria: PizzeriaId::functional_check(), command };
    let context = CommandContext::new(Actor::system(), Uuid::new_v4(), "test");
    store.execute(std::sync::Arc::new(pause), context).await.unwrap();
    let (ok, _, error) = tests::eventually("the order is closed", || async {
        let said = functional(&demo, &process).await;
        (!said.0).then_some(said)
    })
    .await;
    assert!(!ok);
    let cause = "the functional check failed: open the pizzeria: the pizzeria of the check takes no orders";
    assert_eq!(error, format!("ocpizza-manager: {cause}\n"));
}

#[tokio::test]
async fn fails_half_way_if_a_reactor_does_nothing() {
    let demo = Demo::create().await;
    // Moves the reactor's checkpoint beyond all events to come.
    sqlx::query(
        "UPDATE checkpoints SET position = 1000000, events_applied = 1000000 WHERE name LIKE 'reactor:%'",
    )
    .execute(&demo.database.pool)
    .await
    .unwrap();
    sqlx::query(
        "INSERT INTO checkpoints (name, position, events_applied, digest) SELECT 'reactor:delivery_scheduling', \
         1000000, 1000000, digest FROM checkpoints LIMIT 1 ON CONFLICT (name) DO NOTHING",
    )
    .execute(&demo.database.pool)
    .await
    .unwrap();
    let process = Process::serve(&demo.database.url).await;
    let (ok, table, error) = functional(&demo, &process).await;
    assert!(!ok && table.contains("clean up"), "{table}");
    let cause = "the functional check failed: its delivery is scheduled: no delivery within 15 s of READY";
    assert_eq!(error, format!("ocpizza-manager: {cause}\n"), "{table}");
}
