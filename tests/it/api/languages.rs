//! The language of labels and messages, on every transport.

use reqwest::header::{ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE};
use serde_json::{Value, json};
use tests::orders::{basket, side};
use tests::{Heard, RawSocket, Shop};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

const LABEL: &str = "query($id: ID!) { order(id: $id) { statusLabel } }";
const FOLLOW: &str = "subscription($id: ID!) { orderChanged(id: $id) { order { statusLabel } } }";

#[tokio::test]
async fn connection_init_sets_the_language_of_a_socket() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    customer.order(&order, "status", &order["position"]).await;
    let variables = json!({ "id": order["id"] });
    let label = async |language: Value| {
        let mut socket = RawSocket::connect(&shop.server.base).await;
        let authorization = format!("Bearer {}", customer.token().unwrap());
        let payload = json!({ "authorization": authorization, "acceptLanguage": language });
        socket.say(json!({ "type": "connection_init", "payload": payload })).await;
        assert_eq!(socket.heard().await, Heard::Message(json!({ "type": "connection_ack" })));
        socket.subscribe("1", LABEL, variables.clone()).await;
        let asked = socket.message().await["payload"]["data"]["order"]["statusLabel"].take();
        assert_eq!(socket.message().await["type"], "complete");
        socket.subscribe("2", FOLLOW, variables.clone()).await;
        let followed =
            socket.message().await["payload"]["data"]["orderChanged"]["order"]["statusLabel"].take();
        assert_eq!(asked, followed);
        asked
    };
    let (french, english) = (json!("Enregistrée"), label(Value::Null).await);
    assert_ne!(english, french);
    assert_eq!(label(json!("fr")).await, french);
    assert_eq!(label(json!("de, fr-CH;q=0.8, en;q=0.5")).await, french);
    assert_eq!(label(json!("en")).await, english);
    let mut socket = RawSocket::connect(&shop.server.base).await;
    socket.say(json!({ "type": "connection_init", "payload": { "acceptLanguage": ["fr"] } })).await;
    assert_eq!(socket.closed().await, (4400, "Invalid message: acceptLanguage is not a string".to_owned()));
}

#[tokio::test]
async fn accept_language_applies_to_events_and_to_socket_upgrades() {
    let shop = Shop::open().await;
    let customer = shop.person("customer1");
    let order = customer.placed(basket("P1", "TAKEAWAY", &[side("WATER", 1)])).await;
    customer.order(&order, "status", &order["position"]).await;
    let answer = reqwest::Client::new()
        .post(format!("{}/graphql", shop.server.base))
        .bearer_auth(customer.token().unwrap())
        .header(ACCEPT, "text/event-stream")
        .header(ACCEPT_LANGUAGE, "fr-FR,fr;q=0.9")
        .header(CONTENT_TYPE, "application/json")
        .body(json!({ "query": LABEL, "variables": { "id": order["id"] } }).to_string());
    let events = answer.send().await.unwrap().text().await.unwrap();
    assert!(events.contains("Enregistrée"), "{events}");
    // `connection_init` wins over the header of a WebSocket's upgrade.
    for (said, french) in [(json!({}), true), (json!({ "acceptLanguage": "en" }), false)] {
        let url = shop.server.base.replacen("http", "ws", 1) + "/graphql";
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("graphql-transport-ws"));
        headers.insert("accept-language", HeaderValue::from_static("fr"));
        let authorization = format!("Bearer {}", customer.token().unwrap());
        headers.insert("authorization", HeaderValue::from_str(&authorization).unwrap());
        let (socket, _) = connect_async(request).await.unwrap();
        let mut socket = RawSocket::from(socket);
        socket.say(json!({ "type": "connection_init", "payload": said })).await;
        assert_eq!(socket.message().await["type"], "connection_ack");
        socket.subscribe("1", LABEL, json!({ "id": order["id"] })).await;
        let label = socket.message().await["payload"]["data"]["order"]["statusLabel"].take();
        assert_eq!(label == "Enregistrée", french, "{label}");
    }
}
