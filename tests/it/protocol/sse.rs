//! `text/event-stream`: the distinct connections mode of graphql-sse.

use identity::clock::Clock;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde_json::{Value, json};
use server::app::{App, Config};
use tests::{Block, Events, Shop, events, within};

const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";

fn complete() -> Option<Block> {
    Some(Block { event: Some("complete".to_owned()), ..Block::default() })
}

#[tokio::test]
async fn answers_any_operation_by_events() {
    let shop = Shop::open().await;
    let base = &shop.server.base;
    let manager = shop.person("manager.p1");
    let pause =
        "mutation($input: PausePizzeriaInput!) { pausePizzeria(input: $input) { userErrors { code } } }";
    let input = json!({ "input": { "pizzeriaId": "P1", "reason": "Fire drill" } });
    for (query, variables, data) in [
        ("{ __typename }", Value::Null, json!({ "__typename": "Query" })),
        (pause, input, json!({ "pausePizzeria": { "userErrors": [] } })),
    ] {
        let mut events = Events::open(base, manager.token(), None, query, variables).await;
        let next = events.event().await.unwrap();
        assert_eq!((next.event.as_deref(), next.id), (Some("next"), None));
        assert_eq!(next.data["data"], data, "{}", next.data);
        assert_eq!(events.event().await, complete());
        assert_eq!(events.block().await, None);
    }
    let stock = "subscription { stockChanged(pizzeriaId: \"P1\") { event stock { version } } }";
    let mut events = Events::open(base, manager.token(), None, stock, Value::Null).await;
    let next = events.event().await.unwrap();
    assert!(next.data["data"]["stockChanged"]["event"].is_null());
    assert_eq!(next.data["extensions"]["position"].as_str(), next.id.as_deref());
}

#[tokio::test]
async fn writes_the_bytes_of_the_protocol() {
    let shop = Shop::open().await;
    let auditor = shop.person("auditor");
    let answer = events::request(&shop.server.base, auditor.token(), None, "{ __typename }", Value::Null);
    let answer = within(answer).await.unwrap();
    assert_eq!(answer.status(), 200);
    for (name, value) in [
        ("content-type", "text/event-stream; charset=utf-8"),
        ("cache-control", "no-store, no-transform"),
        ("x-accel-buffering", "no"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.headers()[name], value);
    }
    let text = within(answer.text()).await.unwrap();
    let data =
        "{\"data\":{\"__typename\":\"Query\"},\"extensions\":{\"cost\":{\"requested\":1,\"limit\":30000}}}";
    let expected = format!(":\n\nevent: next\ndata: {data}\n\nevent: complete\ndata:\n\n");
    assert_eq!(text, expected);
}

#[tokio::test]
async fn reports_document_errors_by_event_and_bad_requests_by_status() {
    let shop = Shop::open().await;
    let base = &shop.server.base;
    let customer = shop.person("customer1");
    for (query, last_id, code) in [
        ("{", None, "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", None, "GRAPHQL_VALIDATION_FAILED"),
        (
            "subscription { a: eventAppended { position } b: eventAppended { position } }",
            None,
            "GRAPHQL_VALIDATION_FAILED",
        ),
        (EVENTS, None, "FORBIDDEN"),
        (EVENTS, Some("seven"), "BAD_USER_INPUT"),
    ] {
        let mut events = Events::open(base, customer.token(), last_id, query, Value::Null).await;
        let next = events.event().await.unwrap();
        assert_eq!((next.event.as_deref(), next.id), (Some("next"), None));
        assert_eq!(next.data["errors"][0]["extensions"]["code"], code, "{}", next.data);
        assert_eq!(events.event().await, complete());
        assert_eq!(events.block().await, None);
    }
    let refused = within(events::request(base, Some("ocp_x"), None, EVENTS, Value::Null)).await.unwrap();
    assert_eq!(refused.status(), 401);
    let error: Value = serde_json::from_str(&within(refused.text()).await.unwrap()).unwrap();
    assert_eq!(error["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
}

#[tokio::test]
async fn accept_chooses_between_events_and_json() {
    let shop = Shop::open().await;
    let token = format!("Bearer {}", shop.person("auditor").token().unwrap());
    let http = reqwest::Client::new();
    let url = format!("{}/graphql", shop.server.base);
    let asked = async |accept: &str, query: &str| {
        let request = http.post(&url).header(AUTHORIZATION, &token).header(ACCEPT, accept);
        let request = request.header(CONTENT_TYPE, "application/json");
        let answer = within(request.body(json!({ "query": query }).to_string()).send()).await.unwrap();
        let media = answer.headers()[CONTENT_TYPE].to_str().unwrap();
        (answer.status().as_u16(), media.split(';').next().unwrap().to_owned())
    };
    let both = "application/graphql-response+json, application/json, text/event-stream";
    let (events, json_of) =
        (|status| (status, "text/event-stream".to_owned()), |status, media: &str| (status, media.to_owned()));
    let subscription = "subscription { eventAppended { position } }";
    assert_eq!(asked(both, "{ __typename }").await, json_of(200, "application/graphql-response+json"));
    assert_eq!(asked(both, subscription).await, events(200));
    assert_eq!(asked("text/event-stream, */*", "{ __typename }").await, events(200));
    assert_eq!(asked("*/*", subscription).await, json_of(200, "application/json"));
    assert_eq!(
        asked("application/graphql-response+json", subscription).await,
        json_of(400, "application/graphql-response+json")
    );
    let asked = async |query: &str| {
        let request = http.get(&url).query(&[("query", query)]);
        let request = request.header(AUTHORIZATION, &token).header(ACCEPT, "text/event-stream");
        let answer = within(request.send()).await.unwrap();
        (
            answer.status().as_u16(),
            answer.headers()[CONTENT_TYPE].to_str().unwrap().split(';').next().unwrap().to_owned(),
        )
    };
    assert_eq!(asked(subscription).await, events(200));
    assert_eq!(asked("{ __typename }").await, events(200));
    let signed_out = "mutation { __typename }";
    assert_eq!(asked(signed_out).await, json_of(405, "application/json"));
}

#[tokio::test]
async fn a_stopping_process_ends_streams_without_completing_them() {
    let demo = tests::Demo::create().await;
    let app = App::start(Config::new(demo.database.pool.clone(), Clock::system())).await.unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let served = tokio::spawn(async move {
        let told = async {
            let _ = stopped.await;
        };
        app.serve(listener, told).await
    });
    let auditor = demo.person(&base, "auditor");
    let after = json!({ "after": "0" });
    let mut events = Events::open(&base, auditor.token(), None, EVENTS, after).await;
    assert_eq!(events.event().await.unwrap().id.as_deref(), Some("1"));
    stop.send(()).unwrap();
    while let Some(block) = events.block().await {
        assert_ne!(block.event.as_deref(), Some("complete"));
    }
    within(served).await.unwrap().unwrap();
}
