//! HTTP and the WebSocket handshake: media types, statuses, limits, request ids, and failed fields as `null`, over
//! real connections.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use http_api::persisted_documents::{Mode, PersistedDocuments};
use identity::clock::Clock;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use server::app::{App, Config};
use sha2::{Digest, Sha256};
use tests::Database;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Message, protocol::CloseFrame};

const RESPONSE: &str = "application/graphql-response+json";

struct Api {
    at: SocketAddr,
    app: std::sync::Arc<App>,
    stop: Option<oneshot::Sender<()>>,
    served: tokio::task::JoinHandle<std::io::Result<()>>,
    _database: Database,
}

async fn api() -> Api {
    let database = Database::create().await;
    let config = Config::new(database.pool.clone(), Clock::system());
    let app = std::sync::Arc::new(App::start(config).await.unwrap());
    simulation::demo::seed(&app.store, Clock::system().now()).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = app.clone();
    let served = tokio::spawn(async move {
        let stopped = async {
            let _ = stopped.await;
        };
        serving.serve(listener, stopped).await
    });
    Api { at, app, stop: Some(stop), served, _database: database }
}

impl Api {
    fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        reqwest::Client::new().request(method, format!("http://{}{path}", self.at))
    }

    async fn post(&self, accept: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.request(Method::POST, "/graphql").header(CONTENT_TYPE, "application/json");
        Answer::of(request.header(ACCEPT, accept).body(body).send().await.unwrap()).await
    }

    async fn query(&self, query: &str) -> Answer {
        self.post(RESPONSE, json!({ "query": query }).to_string()).await
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Value,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, body: serde_json::from_str(&response.text().await.unwrap()).unwrap() }
    }

    /// The status, the first error's code, and whether `data` is present, even as `null`.
    fn gist(&self) -> (u16, &str, bool) {
        let code = self.body["errors"][0]["extensions"]["code"].as_str().unwrap_or_default();
        (self.status.as_u16(), code, self.body.get("data").is_some())
    }
}

#[tokio::test]
async fn a_request_error_has_no_data_and_a_status_by_its_media_type() {
    let api = api().await;
    for (query, code) in [
        ("{ pizzerias { code }", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query($id: ID!) { pizzeria(id: $id) { code } }", "BAD_USER_INPUT"),
        ("query A { __typename } query B { __typename }", "BAD_USER_INPUT"),
        ("{ ...F } fragment F on Query { ...F }", "QUERY_TOO_COMPLEX"),
        ("{ pizzerias(first: 1) { code } }", "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { eventAppended { position } }", "BAD_USER_INPUT"),
    ] {
        let body = json!({ "query": query }).to_string();
        let answer = api.post(RESPONSE, body.clone()).await;
        assert_eq!(answer.gist(), (400, code, false), "{query}");
        assert_eq!(answer.headers[CONTENT_TYPE], "application/graphql-response+json; charset=utf-8");
        let answer = api.post("application/json", body).await;
        assert_eq!(answer.gist(), (200, code, false), "{query}");
    }
    let given =
        json!({ "query": "query($id: ID!) { pizzeria(id: $id) { code } }", "variables": { "id": "P1" } });
    let answer = api.post("*/*", given.to_string()).await;
    assert_eq!(answer.body["data"], json!({ "pizzeria": { "code": "P1" } }));
}

#[tokio::test]
async fn refuses_malformed_requests_with_a_code() {
    let api = api().await;
    let good = json!({ "query": "{ __typename }" }).to_string();
    for body in
        ["", "{", "[]", "3", r#"{"query": 1}"#, r#"{"query": "{a}", "variables": []}"#, r#"{"qeury": "{a}"}"#]
    {
        assert_eq!(api.post("application/json", body).await.gist(), (400, "BAD_USER_INPUT", false), "{body}");
    }
    let batch = format!("[{good}]");
    assert_eq!(api.post("application/json", batch).await.gist(), (400, "BAD_USER_INPUT", false));
    let large = json!({ "query": "{ __typename }", "padding": "a".repeat(70_000) }).to_string();
    assert_eq!(api.post("application/json", large).await.gist(), (413, "BAD_USER_INPUT", false));
    assert_eq!(api.post("text/html", good.clone()).await.gist(), (406, "BAD_USER_INPUT", false));
    let text = api.request(Method::POST, "/graphql").header(CONTENT_TYPE, "text/plain").body(good);
    assert_eq!(Answer::of(text.send().await.unwrap()).await.gist(), (415, "BAD_USER_INPUT", false));
}

#[tokio::test]
async fn get_executes_queries_only() {
    let api = api().await;
    let get = async |query: &str| {
        let request = api.request(Method::GET, "/graphql").query(&[("query", query)]);
        Answer::of(request.send().await.unwrap()).await
    };
    assert_eq!(get("{ __typename }").await.body["data"], json!({ "__typename": "Query" }));
    let refused =
        get("mutation { cancelOrder(input: { orderId: \"x\", reason: OTHER }) { position } }").await;
    assert_eq!(refused.gist(), (405, "BAD_USER_INPUT", false));
    assert_eq!(refused.headers["allow"], "POST");
}

#[tokio::test]
async fn other_methods_are_answered_with_allow() {
    let api = api().await;
    for method in [Method::PUT, Method::DELETE, Method::PATCH, Method::TRACE] {
        let refused = Answer::of(api.request(method, "/graphql").send().await.unwrap()).await;
        assert_eq!(refused.gist(), (405, "BAD_USER_INPUT", false));
        assert_eq!(refused.headers["allow"], "GET, HEAD, POST");
    }
    let head = api.request(Method::HEAD, "/graphql?query=%7B__typename%7D").send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.text().await.unwrap()), (200, String::new()));
}

#[tokio::test]
async fn every_answer_has_its_cost() {
    let api = api().await;
    let cost = async |query: &str| api.query(query).await.body["extensions"]["cost"].clone();
    let cheap = json!({ "requested": 3, "limit": 30_000 });
    assert_eq!(cost("{ menu(pizzeriaId: \"P1\") { id version } }").await, cheap);
    // Failed and invalid requests too.
    assert_eq!(cost("{ stock(pizzeriaId: \"P1\") { id version } }").await, cheap);
    assert_eq!(cost("{ menu(pizzeriaId: \"P1\") { id nothing } }").await, cheap);
    let dear =
        api.query("{ orders(first: 100) { nodes { history(first: 100) { nodes { id type } } } } }").await;
    assert_eq!(dear.gist(), (400, "QUERY_TOO_COMPLEX", false));
    assert_eq!(dear.body["extensions"]["cost"], json!({ "requested": 31_201, "limit": 30_000 }));
}

#[tokio::test]
async fn a_slow_query_is_answered_with_a_timeout() {
    let api = api().await;
    // The query waits for the table, like for a slow disk.
    let mut lock = api.app.store.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE menus IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let slow = api.query("{ pizzerias { code } menu(pizzeriaId: \"P1\") { version } }");
    let (slow, other) = tokio::join!(tests::within(slow), api.query("{ pizzerias { code } }"));
    assert_eq!(slow.gist(), (200, "UNAVAILABLE", true));
    assert_eq!(slow.body["errors"][0]["extensions"]["retryable"], true);
    assert_eq!(slow.body["data"], Value::Null);
    assert_eq!(other.body["errors"], Value::Null);
    lock.rollback().await.unwrap();
    assert_eq!(api.query("{ menu(pizzeriaId: \"P1\") { version } }").await.body["errors"], Value::Null);
}

fn sha256(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_persisted_document_is_named_by_its_hash() {
    let api = api().await;
    let document = "query Named($id: ID!) { pizzeria(id: $id) { code } }";
    let hash = sha256(document);
    let named = json!({ "variables": { "id": "P1" }, "extensions": { "persistedQuery": { "version": 1, "sha256Hash": hash } } });
    let with = |more: Value| tests::orders::with(named.clone(), more).to_string();
    let unknown = api.post(RESPONSE, with(json!({}))).await;
    assert_eq!(unknown.gist(), (400, "PERSISTED_QUERY_NOT_FOUND", false));
    // Apollo's clients expect this code in a successful response.
    let unknown = api.post("application/json", with(json!({}))).await;
    assert_eq!(unknown.gist(), (200, "PERSISTED_QUERY_NOT_FOUND", false));
    assert_eq!(unknown.body["errors"][0]["message"], "PersistedQueryNotFound");
    let forged = api.post(RESPONSE, with(json!({ "query": "{ __typename }" }))).await;
    assert_eq!(forged.gist(), (400, "BAD_USER_INPUT", false));
    let expected = json!({ "pizzeria": { "code": "P1" } });
    let sent = api.post(RESPONSE, with(json!({ "query": document }))).await;
    assert_eq!((sent.status.as_u16(), &sent.body["data"]), (200, &expected));
    let again = api.post(RESPONSE, with(json!({}))).await;
    assert_eq!((again.status.as_u16(), &again.body["data"]), (200, &expected));
    let parameters = |extensions: &str| {
        [("variables", json!({ "id": "P1" }).to_string()), ("extensions", extensions.to_owned())]
    };
    let get = api.request(Method::GET, "/graphql").query(&parameters(&named["extensions"].to_string()));
    assert_eq!(Answer::of(get.send().await.unwrap()).await.body["data"], expected);
    let get = api.request(Method::GET, "/graphql");
    let get = get
        .query(&[("documentId", format!("sha256:{hash}")), ("variables", json!({ "id": "P1" }).to_string())]);
    assert_eq!(Answer::of(get.send().await.unwrap()).await.body["data"], expected);
}

#[tokio::test]
async fn only_valid_tokens_authenticate() {
    let api = api().await;
    let token = api.app.issue_token("Director@OCPizza.example").await.unwrap();
    let me = async |authorization: &str| {
        let request = api.request(Method::POST, "/graphql").header(AUTHORIZATION, authorization);
        Answer::of(request.json(&json!({ "query": "{ me { role email } }" })).send().await.unwrap()).await
    };
    let director = json!({ "me": { "role": "DIRECTOR", "email": "director@ocpizza.example" } });
    assert_eq!(me(&format!("Bearer {token}")).await.body["data"], director);
    for wrong in ["Bearer ocp_nobody", "Bearer", "Basic Zm9vOmJhcg==", &token, &format!("Bearer {token}x")] {
        assert_eq!(me(wrong).await.gist(), (401, "UNAUTHENTICATED", false), "{wrong}");
    }
    assert_eq!(api.query("{ me { role } }").await.body["data"], json!({ "me": null }));
}

#[tokio::test]
async fn a_failed_field_is_null_with_an_error() {
    let api = api().await;
    let answer = api.query("{ order(id: \"order:x\") { id } pizzeria(id: \"P1\") { code } }").await;
    assert_eq!(answer.gist(), (200, "UNAUTHENTICATED", true));
    assert_eq!(answer.body["data"], json!({ "order": null, "pizzeria": { "code": "P1" } }));
    let answer = api.query("{ pizzerias { code } stock(pizzeriaId: \"P1\") { id } }").await;
    assert_eq!((answer.gist(), &answer.body["data"]), ((200, "UNAUTHENTICATED", true), &Value::Null));
    let answer = api
        .query("{ pizzerias(atLeastPosition: \"1\") { code } menu(pizzeriaId: \"P9\") { version } }")
        .await;
    assert_eq!(answer.gist(), (200, "NOT_FOUND", true));
}

#[tokio::test]
async fn every_request_has_an_id() {
    let api = api().await;
    let id = async |given: &str| {
        let request = api.request(Method::GET, "/version").header("x-request-id", given);
        request.send().await.unwrap().headers()["x-request-id"].to_str().unwrap().to_owned()
    };
    assert_eq!(id("shop-7").await, "shop-7");
    assert_eq!(id("two words").await.len(), 36);
}

#[tokio::test]
async fn readiness_follows_the_database() {
    let api = api().await;
    let ready = Answer::of(api.request(Method::GET, "/readyz").send().await.unwrap()).await;
    assert_eq!((ready.status.as_u16(), &ready.body["migrations"]), (200, &json!(true)), "{}", ready.body);
    assert_eq!(ready.body["readModels"].as_array().unwrap().len(), 13);
    let metrics = api.request(Method::GET, "/metrics").send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("\nocpizza_log_position "), "{metrics}");
}

#[tokio::test]
async fn histories_of_every_stream_are_paged() {
    let api = api().await;
    let streams: Vec<_> =
        ["P1", "P2"].iter().map(|code| domain::StreamId::stock(&code.parse().unwrap())).collect();
    let pool = api.app.store.pool();
    let start = domain::LogPosition::START;
    let events = event_store::log::histories(pool, &streams, start, 3).await.unwrap();
    let places: Vec<_> = events.iter().map(|event| (event.stream().unwrap(), event.sequence())).collect();
    let expected: Vec<_> =
        streams.iter().flat_map(|stream| (1..=3).map(|sequence| (stream.clone(), sequence))).collect();
    assert_eq!(places, expected);
    let behind = event_store::log::histories(pool, &streams[..1], events[1].position(), 1).await.unwrap();
    assert_eq!((behind.len(), behind[0].position()), (1, events[2].position()));
}

type Socket = tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>;

async fn socket(api: &Api) -> Socket {
    let mut request = format!("ws://{}/graphql", api.at).into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    tokio_tungstenite::connect_async(request).await.unwrap().0
}

/// The close code of the server.
async fn closed(socket: &mut Socket) -> u16 {
    let close = async {
        while let Some(message) = socket.next().await {
            if let Ok(Message::Close(Some(CloseFrame { code, .. }))) = message {
                return u16::from(code);
            }
        }
        0
    };
    tokio::time::timeout(Duration::from_secs(20), close).await.unwrap()
}

#[tokio::test]
async fn closes_sockets_with_the_codes_of_the_protocol() {
    let api = api().await;
    let bad_token = json!({ "type": "connection_init", "payload": { "authorization": "Bearer ocp_x" } });
    let subscribe = json!({ "type": "subscribe", "id": "1", "payload": { "query": "{ __typename }" } });
    for (message, code) in [
        (bad_token.to_string(), 4403),
        (subscribe.to_string(), 4401),
        ("hello".to_owned(), 4400),
        ("x".repeat(70_000), 1009),
    ] {
        let mut socket = socket(&api).await;
        socket.send(Message::text(message.as_str())).await.unwrap();
        assert_eq!(closed(&mut socket).await, code, "{message:.40}");
    }
    let mut silent = socket(&api).await;
    assert_eq!(closed(&mut silent).await, 4408);
}

#[tokio::test]
async fn a_stopping_process_closes_its_sockets() {
    let mut api = api().await;
    let mut socket = socket(&api).await;
    socket.send(Message::text(json!({ "type": "connection_init" }).to_string())).await.unwrap();
    let ack = socket.next().await.unwrap().unwrap();
    assert_eq!(ack, Message::text(json!({ "type": "connection_ack" }).to_string()));
    api.stop.take().unwrap().send(()).unwrap();
    assert_eq!(closed(&mut socket).await, u16::from(CloseCode::Away));
    tokio::time::timeout(Duration::from_secs(20), &mut api.served).await.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn executes_trusted_documents_only_if_configured() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = json!({ "menu-1": "query Menu { menu(pizzeriaId: \"P1\") { version } }" });
    std::fs::write(folder.path().join("persisted-documents.json"), manifest.to_string()).unwrap();
    let demo = tests::Demo::create().await;
    let documents = PersistedDocuments::load(folder.path(), Mode::Only).unwrap();
    let server =
        tests::server::Server::start_with(&demo.database, |config| Config { documents, ..config }).await;
    let anonymous = tests::Api::new(&server.base);
    let post = async |body: Value| anonymous.post("application/json", body.to_string()).await.unwrap();
    let expected = json!({ "menu": { "version": 1 } });
    assert_eq!(post(json!({ "documentId": "menu-1" })).await.data(), expected);
    assert_eq!(post(json!({ "query": manifest["menu-1"] })).await.data(), expected);
    let other = post(json!({ "query": "{ __typename }" })).await;
    assert_eq!((other.status, other.code()), (403, "FORBIDDEN"));
    let other = post(json!({ "documentId": "menu-2" })).await;
    assert_eq!((other.status, other.code()), (400, "PERSISTED_QUERY_NOT_FOUND"));
}
