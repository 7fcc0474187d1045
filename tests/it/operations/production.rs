//! Production: settings that stop a start, and what strangers learn about the process.

use graphql::introspection::Introspection;
use serde_json::{Value, json};
use server::app::Config;
use tests::processes::{Process, command};
use tests::server::Server;
use tests::{Api, Database, Demo, within};

const KEY: &str = "a key of our own, long enough for production";

/// Asserts exit code 1 and no stdout; returns the line on stderr.
async fn refusal(url: &str, arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let mut command = command(url);
    command.args(arguments).env("ENV", "PRODUCTION").envs(variables.iter().copied());
    let output = within(command.output()).await.unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[tokio::test]
async fn production_refuses_known_secrets_before_it_binds_the_port() {
    let demo = Demo::create().await;
    let url = &demo.database.url;
    // A port in use: a process that got so far would complain about it instead.
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let sample = "4jdsksnkgndklnd59sknsk6bv6fv";
    let until = ("OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL", "2100-01-01T00:00:00Z");
    for (variables, said) in [
        (vec![], "OCPIZZA_MANAGER_KEY must be set"),
        (vec![("OCPIZZA_MANAGER_KEY", "too short")], "OCPIZZA_MANAGER_KEY is shorter than 32 bytes"),
        (vec![("OCPIZZA_MANAGER_KEY", sample)], "OCPIZZA_MANAGER_KEY is the sample value"),
        (
            vec![("OCPIZZA_MANAGER_KEY", KEY), ("OCPIZZA_MANAGER_KEY_PREVIOUS", sample), until],
            "OCPIZZA_MANAGER_KEY_PREVIOUS is the sample value",
        ),
        (
            vec![("OCPIZZA_MANAGER_KEY", KEY), ("OCPIZZA_MANAGER_KEY_PREVIOUS", KEY)],
            "OCPIZZA_MANAGER_KEY_PREVIOUS_UNTIL",
        ),
        (vec![("OCPIZZA_MANAGER_KEY", KEY)], "the database holds demo accounts"),
    ] {
        let variables = [variables, vec![("PORT", port.as_str())]].concat();
        let line = refusal(url, &["serve"], &variables).await;
        assert!(line.contains(said), "{line}");
        assert!(!line.contains(sample) && !line.contains(KEY), "{line}");
    }
    let with_key = [("OCPIZZA_MANAGER_KEY", KEY), ("PORT", port.as_str())];
    let line = refusal(url, &["demo"], &with_key).await;
    assert!(line.contains("does not run with ENV=PRODUCTION"), "{line}");
    let line = refusal(url, &["token", "director@ocpizza.example"], &[("OCPIZZA_MANAGER_KEY", sample)]).await;
    assert!(line.contains("sample value"), "{line}");
}

const SCHEMA: &str = "{ __schema { queryType { name } } }";
/// A misspelt name of the schema, in a field and in an argument.
const MISSPELT: [&str; 2] = ["{ ordrs { nodes { id } } }", "{ orders(frst: 1) { nodes { id } } }"];

#[track_caller]
fn message(body: &Value) -> &str {
    body["errors"][0]["message"].as_str().unwrap_or_else(|| panic!("no error: {body}"))
}

async fn assert_undescribed(api: &Api) {
    for query in [
        SCHEMA,
        "{ __type(name: \"Order\") { name } }",
        "query { ...F } fragment F on Query { more: __schema { types { name } } }",
    ] {
        let answer = api.ask(query, json!({})).await;
        assert_eq!((answer.status, answer.code()), (400, "GRAPHQL_VALIDATION_FAILED"), "{}", answer.body);
        assert!(answer.body["data"].is_null());
        assert_eq!(api.subscribe(query, json!({})).await.refused().await, "GRAPHQL_VALIDATION_FAILED");
    }
    for query in MISSPELT {
        let answer = api.ask(query, json!({})).await;
        assert!(message(&answer.body).starts_with("Unknown "), "{}", answer.body);
        assert!(!answer.body.to_string().contains("mean"), "{}", answer.body);
    }
    // `__typename` is not introspection: clients need it for their caches.
    assert_eq!(api.data("{ __typename }", json!({})).await["__typename"], "Query");
}

#[tokio::test]
async fn introspection_is_disabled_in_production_unless_configured() {
    let database = Database::create().await;
    let variables = [("ENV", "PRODUCTION"), ("OCPIZZA_MANAGER_KEY", KEY), ("RUST_LOG", "error")];
    let process = Process::serve_with(&database.url, &variables).await;
    assert_undescribed(&Api::new(&process.base)).await;
    let ready = Api::new(&process.base).get("/readyz").await.unwrap().body;
    let state = |name: &str| {
        let all = ready["standIns"].as_array().unwrap();
        all.iter().find(|entry| entry["name"] == name).map(|entry| entry["state"].clone())
    };
    assert_eq!(state("payment provider"), Some(json!("CLOSED")), "{ready}");
    assert_eq!(state("token key"), Some(json!("CONFIGURED")));
    assert_eq!(state("destination of heads"), Some(json!("MISSING")));
    let mut check = command("");
    check.args(["check", "--environment", "production", &process.base]);
    let output = within(check.output()).await.unwrap();
    let (table, fault) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(fault.contains("not deployed: destination of heads: "), "{table}{fault}");
    assert!(table.lines().any(|line| line.starts_with("mail server") && line.contains(" warn ")), "{table}");
    let page = within(reqwest::get(format!("{}/graphiql", process.base))).await.unwrap();
    assert_eq!(page.status().as_u16(), 404);
    process.kill().await;
}

#[tokio::test]
async fn introspection_is_limited_to_the_configured_roles() {
    let demo = Demo::create().await;
    let introspection: Introspection = "DIRECTOR,AUDITOR".parse().unwrap();
    let server = Server::start_with(&demo.database, |config| Config { introspection, ..config }).await;
    assert_undescribed(&demo.person(&server.base, "manager.p1")).await;
    assert_undescribed(&Api::new(&server.base)).await;
    let director = demo.person(&server.base, "director");
    assert_eq!(director.data(SCHEMA, json!({})).await["__schema"]["queryType"]["name"], "Query");
    for query in MISSPELT {
        assert!(message(&director.ask(query, json!({})).await.body).contains("Did you mean"));
    }
}
