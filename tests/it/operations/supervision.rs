//! Monitoring: documented metrics, access to them, and one log line per request.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use server::app::Config;
use telemetry::METRICS;
use telemetry::metrics::MetricsAccess;
use tests::orders::{basket, pizza};
use tests::processes::{Process, run};
use tests::{Api, Database, Demo, Shop};

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// Names of metrics in a text, without the suffixes of histograms.
fn named(text: &str) -> Vec<&str> {
    let words = text.split(|char: char| !(char.is_ascii_lowercase() || char == '_'));
    let names = words.filter(|word| word.starts_with("ocpizza_"));
    names
        .map(|name| {
            let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
            base.unwrap_or(name)
        })
        .collect()
}

async fn metrics(base: &str) -> String {
    reqwest::get(format!("{base}/metrics")).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn documented_metrics_equal_the_exported_ones() {
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let checked = run(&demo.database.url, &["check", "--functional", &process.base]).await;
    assert!(checked.status.success(), "{checked:?}");
    let director = demo.person(&process.base, "director");
    let order = director.placed(basket("P1", "TAKEAWAY", &[pizza("REI", "M", 1)])).await;
    let read_it = "query($id: ID!, $at: LogPosition) { order(id: $id, atLeastPosition: $at) { id } }";
    director.ask(read_it, json!({ "id": order["id"], "at": null })).await.data();
    let late = "UPDATE order_board SET promised_at = now() - interval '1 hour' WHERE pizzeria = 'P1' AND number = $1";
    let number = "query($id: ID!) { order(id: $id) { number } }";
    let number = director.ask(number, json!({ "id": order["id"] })).await.data()["order"]["number"].clone();
    tests::eventually("it is on the board", || async {
        let done = sqlx::query(late).bind(number.as_str()).execute(&demo.database.pool).await.unwrap();
        (done.rows_affected() == 1).then_some(())
    })
    .await;
    let text = tests::eventually("the stuck order is counted", || async {
        let text = metrics(&process.base).await;
        text.contains("ocpizza_stuck_orders{pizzeria=\"P1\",status=\"PLACED\"} 1").then_some(text)
    })
    .await;

    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let shown: BTreeMap<&str, &str> = types.collect();
    let known: BTreeMap<&str, &str> = METRICS.iter().map(|(name, kind, _)| (*name, kind.as_str())).collect();
    assert_eq!(shown, known);
    let documentation = read("docs/metrics.md");
    let rows = documentation.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| `")?.split('|').map(|cell| cell.trim().trim_matches('`'));
        Some((cells.next()?, cells.next()?))
    });
    assert_eq!(rows.collect::<BTreeMap<_, _>>(), known);
    // Labels come from commands, mutations and routes, never from clients.
    for series in [
        "ocpizza_commands_total{command=\"placeOrder\",outcome=\"stored\"}",
        "ocpizza_mutations_total{mutation=\"placeOrder\",outcome=\"refused\"} 1",
        "ocpizza_http_requests_total{route=\"/graphql\",status=\"200\"}",
        "ocpizza_projection_lag_seconds{model=\"order_board\"}",
        "ocpizza_command_seconds_bucket{command=\"placeOrder\",le=\"+Inf\"}",
    ] {
        assert!(text.contains(series), "{series}: {text}");
    }
    assert!(!text.contains("FunctionalCheck") && !text.contains("CHECK"), "{text}");
}

#[test]
fn alerts_and_dashboard_use_existing_metrics() {
    let alerts: serde_yaml_ng::Value = serde_yaml_ng::from_str(&read("docs/monitoring/alerts.yml")).unwrap();
    let rules = alerts["groups"][0]["rules"].as_sequence().unwrap();
    let expressions = rules.iter().map(|rule| {
        assert!(rule["alert"].is_string() && rule["annotations"]["summary"].is_string(), "{rule:?}");
        rule["expr"].as_str().unwrap().to_owned()
    });
    let mut expressions: Vec<String> = expressions.collect();
    let dashboard: Value = serde_json::from_str(&read("docs/monitoring/dashboard.json")).unwrap();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            expressions.push(target["expr"].as_str().unwrap().to_owned());
        }
    }
    assert!(expressions.len() > 40);
    for expression in &expressions {
        let names = named(expression);
        assert!(!names.is_empty(), "{expression}");
        for name in names {
            assert!(METRICS.iter().any(|(known, _, _)| *known == name), "{name} in {expression}");
        }
    }
}

#[tokio::test]
async fn metrics_need_their_token() {
    let demo = Demo::create().await;
    let token = [("OCPIZZA_MANAGER_METRICS_TOKEN", "a-token-for-prometheus")];
    let process = Process::serve_with(&demo.database.url, &token).await;
    let anonymous = Api::new(&process.base);
    assert_eq!(anonymous.get("/metrics").await.unwrap().status, 401);
    assert_eq!(anonymous.with_token("another").get("/metrics").await.unwrap().status, 401);
    assert_eq!(anonymous.with_token("a-token-for-prometheus").get("/metrics").await.unwrap().status, 200);
    let shop = Shop::open_with(|config| Config { metrics: MetricsAccess::Disabled, ..config }).await;
    assert_eq!(shop.anonymous().get("/metrics").await.unwrap().code(), "FORBIDDEN");
}

#[tokio::test]
async fn logs_one_json_line_per_request_in_production() {
    let database = Database::create().await;
    let variables = [("ENV", "PRODUCTION"), ("OCPIZZA_MANAGER_KEY", "0123456789abcdef0123456789abcdef")];
    let process = Process::serve_logging_with(&database.url, &variables, "info").await;
    let api = Api::new(&process.base);
    api.ask("query TheList { pizzerias { code } }", Value::Null).await.data();
    api.ask("query Wrong { pizzerias { nonsense } }", Value::Null).await;
    api.get("/somebody@example.com").await.unwrap();
    let log = process.end_and_read_log().await;
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |field: &str, value: &str| {
        let mut found = lines.iter().filter(|line| line["message"] == "answered" && line[field] == value);
        let line = found.next().unwrap_or_else(|| panic!("no line with {field} {value}: {log}"));
        assert!(found.next().is_none(), "one line a request: {log}");
        line.clone()
    };
    let line = of("operation", "TheList");
    assert!(line["request_id"].is_string() && line["duration_ms"].is_number(), "{line}");
    assert_eq!((&line["status"], &line["kind"], &line["cost"]), (&json!(200), &json!("query"), &json!(21)));
    assert_eq!(of("operation", "Wrong")["codes"], "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(of("path", "other")["status"], 404);
    assert!(!log.contains("somebody@example.com"), "{log}");
}
