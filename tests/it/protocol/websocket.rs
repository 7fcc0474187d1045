//! `graphql-transport-ws`: each message and each close code.

use std::time::Duration;

use http_api::admission::StreamLimits;
use serde_json::{Value, json};
use server::app::Config;
use tests::server::Server;
use tests::{Database, Heard, RawSocket, Shop};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

async fn server(limits: StreamLimits) -> Server {
    let database = Database::create().await;
    Server::start_with(&database, |config| Config { streams: limits, ..config }).await
}

fn init() -> Value {
    json!({ "type": "connection_init" })
}

fn subscribe(id: &str, query: &str) -> Value {
    json!({ "type": "subscribe", "id": id, "payload": { "query": query } })
}

#[tokio::test]
async fn closes_with_4400_on_invalid_messages() {
    let server = server(StreamLimits::default()).await;
    let text = |text: &str| Message::text(text.to_owned());
    for message in [
        Message::binary(init().to_string().into_bytes()),
        text(""),
        text("hello"),
        text("[]"),
        text("{}"),
        text(r#"{"type":"start","id":"1","payload":{"query":"{ __typename }"}}"#),
        text(r#"{"type":"connection_init","payload":"Bearer"}"#),
        text(r#"{"type":"subscribe","payload":{"query":"{ __typename }"}}"#),
        text(r#"{"type":"subscribe","id":"","payload":{"query":"{ __typename }"}}"#),
        text(r#"{"type":"subscribe","id":"1"}"#),
        text(r#"{"type":"subscribe","id":"1","payload":{}}"#),
        text(r#"{"type":"subscribe","id":"1","payload":{"query":1}}"#),
        text(r#"{"type":"subscribe","id":"1","payload":{"query":"{ __typename }","variables":[]}}"#),
        text(r#"{"type":"complete"}"#),
    ] {
        let mut socket = RawSocket::initialised(&server.base, None).await;
        let sent = format!("{message:?}");
        socket.send(message).await;
        let (code, reason) = socket.closed().await;
        assert_eq!((code, reason.starts_with("Invalid message")), (4400, true), "{sent}: {reason}");
    }
}

#[tokio::test]
async fn each_fault_has_its_close_code() {
    let server =
        server(StreamLimits { initialisation: Duration::from_millis(200), ..StreamLimits::default() }).await;
    let long_id = "x".repeat(300);
    for (messages, code, reason) in [
        (vec![], 4408, "Connection initialisation timeout"),
        (vec![json!({ "type": "ping" })], 4408, "Connection initialisation timeout"),
        (vec![subscribe("1", "{ __typename }")], 4401, "Unauthorized"),
        (vec![init(), init()], 4429, "Too many initialisation requests"),
        (
            vec![json!({ "type": "connection_init", "payload": { "authorization": "Bearer ocp_x" } })],
            4403,
            "Forbidden",
        ),
        (vec![json!({ "type": "connection_init", "payload": { "Authorization": 7 } })], 4403, "Forbidden"),
        (vec![json!({ "type": "ping", "payload": { "x": "x".repeat(70_000) } })], 1009, "Message too big"),
    ] {
        let mut socket = RawSocket::connect(&server.base).await;
        for message in &messages {
            socket.say(message.clone()).await;
        }
        assert_eq!(socket.closed().await, (code, reason.to_owned()));
    }
    let shop = Shop::open().await;
    let events = "subscription { eventAppended { position } }";
    for id in ["1", long_id.as_str()] {
        let mut socket = RawSocket::initialised(&shop.server.base, shop.person("auditor").token()).await;
        for _ in 0..2 {
            socket.subscribe(id, events, Value::Null).await;
        }
        let (code, reason) = socket.closed().await;
        assert_eq!(code, 4409);
        assert!(reason.starts_with(&format!("Subscriber for {}", &id[..id.len().min(90)])), "{reason}");
    }
}

#[tokio::test]
async fn an_id_can_be_reused_after_its_operation() {
    let shop = Shop::open().await;
    let mut socket = RawSocket::initialised(&shop.server.base, shop.person("pizzaiolo1.p1").token()).await;
    let stock = "subscription { stockChanged(pizzeriaId: \"P1\") { event } }";
    let is_next = |message: &Value| (message["id"] == "a", message["type"] == "next") == (true, true);
    for _ in 0..3 {
        socket.subscribe("a", stock, Value::Null).await;
        assert!(is_next(&socket.message().await));
        socket.say(json!({ "type": "complete", "id": "a" })).await;
    }
    // After the client completed it, and after a refusal.
    socket.subscribe("a", "{ __typename }", Value::Null).await;
    assert!(is_next(&socket.message().await));
    assert_eq!(socket.message().await, json!({ "id": "a", "type": "complete" }));
    socket.subscribe("a", "{ nothing }", Value::Null).await;
    assert_eq!(socket.message().await["type"], "error");
    socket.subscribe("a", "{ __typename }", Value::Null).await;
    assert!(is_next(&socket.message().await));
    assert_eq!(socket.message().await["type"], "complete");
    // Completing an unknown operation is allowed.
    socket.say(json!({ "type": "complete", "id": "b" })).await;
    socket.say(json!({ "type": "ping" })).await;
    assert_eq!(socket.message().await, json!({ "type": "pong" }));
}

#[tokio::test]
async fn answers_request_errors_by_error_and_executed_operations_by_next() {
    let shop = Shop::open().await;
    let mut socket = RawSocket::initialised(&shop.server.base, shop.person("customer1").token()).await;
    let nested = format!("{}id{}", "{ a".repeat(70), " }".repeat(70));
    let payload = |query: &str| json!({ "query": query });
    for (payload, code) in [
        (payload("{"), "GRAPHQL_PARSE_FAILED"),
        (payload("{ nothing }"), "GRAPHQL_VALIDATION_FAILED"),
        (payload("subscription { nothing }"), "GRAPHQL_VALIDATION_FAILED"),
        (payload("subscription { __typename }"), "GRAPHQL_VALIDATION_FAILED"),
        (payload(&nested), "QUERY_TOO_COMPLEX"),
        (json!({ "query": "query A { __typename }", "operationName": "B" }), "BAD_USER_INPUT"),
        (payload("query($id: ID!) { order(id: $id) { id } }"), "BAD_USER_INPUT"),
        (payload("subscription { eventAppended { position } }"), "FORBIDDEN"),
        (payload("subscription { orderChanged(id: \"order:nothing\") { position } }"), "BAD_USER_INPUT"),
    ] {
        socket.say(json!({ "type": "subscribe", "id": "1", "payload": payload })).await;
        let message = socket.message().await;
        assert_eq!((&message["id"], &message["type"]), (&json!("1"), &json!("error")), "{message}");
        assert_eq!(message["payload"][0]["extensions"]["code"], code, "{message}");
        assert!(message["payload"][0]["message"].is_string());
    }
    let complete = json!({ "id": "1", "type": "complete" });
    socket.subscribe("1", "{ me { name } }", Value::Null).await;
    assert!(socket.message().await["payload"]["data"]["me"]["name"].is_string());
    assert_eq!(socket.message().await, complete);
    // Errors of an executed operation are part of its result.
    let update =
        "mutation($input: PausePizzeriaInput!) { pausePizzeria(input: $input) { userErrors { code } } }";
    socket.subscribe("1", update, json!({ "input": { "pizzeriaId": "P1", "reason": "Fire drill" } })).await;
    let message = socket.message().await;
    assert_eq!(message["type"], "next", "{message}");
    assert_eq!(message["payload"]["errors"][0]["extensions"]["code"], "FORBIDDEN");
    assert_eq!(socket.message().await, complete);
    let mut manager = RawSocket::initialised(&shop.server.base, shop.person("manager.p1").token()).await;
    manager.subscribe("1", update, json!({ "input": { "pizzeriaId": "P1", "reason": "Fire drill" } })).await;
    let message = manager.message().await;
    assert_eq!(message["payload"]["data"]["pausePizzeria"]["userErrors"], json!([]), "{message}");
    assert_eq!(manager.message().await, complete);
}

#[tokio::test]
async fn answers_a_ping_with_its_payload() {
    let server = server(StreamLimits::default()).await;
    let mut socket = RawSocket::connect(&server.base).await;
    let payload = json!({ "here": ["I", "am"] });
    let (ping, pong) =
        (json!({ "type": "ping", "payload": payload }), json!({ "type": "pong", "payload": payload }));
    socket.say(ping.clone()).await;
    assert_eq!(socket.heard().await, Heard::Message(pong.clone()));
    socket.initialise(None).await;
    assert_eq!(socket.heard().await, Heard::Message(json!({ "type": "connection_ack" })));
    socket.say(json!({ "type": "pong" })).await;
    socket.say(ping).await;
    assert_eq!(socket.heard().await, Heard::Message(pong));
}

#[tokio::test]
async fn pings_with_the_position_and_closes_silent_connections() {
    let (ping, initialisation) = (Duration::from_millis(200), Duration::from_secs(600));
    let limits = StreamLimits { ping, initialisation, ..StreamLimits::default() };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let head = shop.person("auditor").head().await;
    let mut socket = RawSocket::initialised(&shop.server.base, shop.person("auditor").token()).await;
    let ping = |position: i64| json!({ "type": "ping", "payload": { "position": position.to_string() } });
    assert_eq!(socket.heard().await, Heard::Message(ping(head)));
    // The library answers with the WebSocket's own pongs.
    socket
        .subscribe("1", "subscription { stockChanged(pizzeriaId: \"P1\") { position } }", Value::Null)
        .await;
    assert_eq!(socket.message().await["payload"]["extensions"]["position"], head.to_string());
    for _ in 0..5 {
        assert_eq!(socket.heard().await, Heard::Message(ping(head)));
    }
    // A TCP connection that never answers.
    let silent = tests::raw_socket::silent(&shop.server.base).await;
    tests::within(silent.ended()).await;
}

#[tokio::test]
async fn answers_a_close_frame() {
    let server = server(StreamLimits::default()).await;
    let mut socket = RawSocket::initialised(&server.base, None).await;
    let goodbye = CloseFrame { code: CloseCode::Normal, reason: "Normal Closure".into() };
    socket.send(Message::Close(Some(goodbye))).await;
    // Without an answer, clients would treat the connection as lost and reconnect.
    assert_eq!(socket.closed().await.0, 1000);
}
