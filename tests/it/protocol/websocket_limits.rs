//! Limits of a WebSocket client: operations, connections, and slow reading.

use std::time::Duration;

use http_api::admission::StreamLimits;
use serde_json::{Value, json};
use server::app::Config;
use tests::processes::Process;
use tests::{Api, Demo, RawSocket, Shop, eventually};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::protocol::resume::append;

const EVENTS: &str = "subscription($after: LogPosition) { eventAppended(after: $after) { position } }";

#[tokio::test]
async fn limits_concurrent_operations_of_a_connection() {
    let limits = StreamLimits { operations: 3, ..StreamLimits::default() };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let mut socket = RawSocket::initialised(&shop.server.base, shop.person("auditor").token()).await;
    for id in ["1", "2", "3", "4"] {
        socket.subscribe(id, EVENTS, Value::Null).await;
    }
    let refused = socket.message().await;
    assert_eq!((&refused["id"], &refused["type"]), (&json!("4"), &json!("error")));
    assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    socket.say(json!({ "type": "complete", "id": "2" })).await;
    socket.subscribe("4", "{ __typename }", Value::Null).await;
    assert_eq!(socket.message().await["type"], "next");
}

#[tokio::test]
async fn limits_connections_of_a_process_and_releases_their_places() {
    let limits = StreamLimits { in_process: 2, ..StreamLimits::default() };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let first = RawSocket::connect(&shop.server.base).await;
    let _second = RawSocket::connect(&shop.server.base).await;
    let url = shop.server.base.replacen("http", "ws", 1) + "/graphql";
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", "graphql-transport-ws".parse().unwrap());
    let refused = tests::within(tokio_tungstenite::connect_async(request.clone())).await.unwrap_err();
    let Error::Http(refused) = refused else { panic!("{refused}") };
    let body: Value = serde_json::from_slice(refused.body().as_deref().unwrap()).unwrap();
    assert_eq!(
        (refused.status().as_u16(), &body["errors"][0]["extensions"]["code"]),
        (503, &json!("OVERLOADED"))
    );
    drop(first);
    eventually("a place is free", || {
        let request = request.clone();
        async move { tokio_tungstenite::connect_async(request).await.ok() }
    })
    .await;
}

#[tokio::test]
async fn a_thousand_subscriptions_receive_the_same_items() {
    let shop = Shop::open().await;
    let token = shop.person("auditor").token().map(str::to_owned);
    let head = shop.person("auditor").head().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut socket = RawSocket::initialised(&shop.server.base, token.as_deref()).await;
        for id in 0..50 {
            socket.subscribe(&id.to_string(), EVENTS, json!({ "after": head.to_string() })).await;
        }
        sockets.push(socket);
    }
    append(&shop.database().pool, 3).await;
    for socket in &mut sockets {
        let mut heard = vec![head; 50];
        for _ in 0..50 * 3 {
            let message = socket.message().await;
            let id: usize = message["id"].as_str().unwrap().parse().unwrap();
            heard[id] += 1;
            assert_eq!(message["payload"]["data"]["eventAppended"]["position"], heard[id].to_string());
        }
    }
}

#[tokio::test]
async fn closes_clients_that_do_not_read_and_bounds_their_memory() {
    const READERS: usize = 20;
    let demo = Demo::create().await;
    let process = Process::serve(&demo.database.url).await;
    let auditor = demo.person(&process.base, "auditor");
    let everything =
        "subscription { eventAppended(after: \"0\") { position event { payload metadata: actor { id }
        stream { id } type version recordedAt command correlationId } } }";
    // More than the system's buffers hold.
    append(&demo.database.pool, 20_000).await;
    let open = async || metric(&auditor, "ocpizza_websocket_connections").await;
    let before = process.resident();
    let mut readers = Vec::new();
    for _ in 0..READERS {
        let mut socket = RawSocket::initialised(&process.base, auditor.token()).await;
        socket.subscribe("1", everything, Value::Null).await;
        readers.push(socket);
    }
    let mut most = before;
    let gone = eventually("the silent clients are disconnected", || {
        most = most.max(process.resident());
        let open = open();
        async move { (open.await == 0).then_some(()) }
    });
    // A client that reads is not delayed by them.
    let mut reader = auditor.subscribe(EVENTS, json!({ "after": "0" })).await;
    for position in 1..=1_000 {
        assert_eq!(reader.value().await["position"], position.to_string());
    }
    drop(reader);
    gone.await;
    let grown = most.saturating_sub(before);
    assert!(grown < 100 * 1024 * 1024, "{READERS} readers took {grown} bytes");
    // The sent messages arrive in order, then the end.
    let mut reader = readers.swap_remove(0);
    let mut last = 0;
    while let tests::Heard::Message(message) = reader.heard().await {
        if message["type"] == "next" {
            last += 1;
            assert_eq!(message["payload"]["extensions"]["position"], last.to_string());
        }
    }
    assert!(last < 20_000, "it was cut off");
    let mut again = auditor.subscribe(EVENTS, json!({ "after": last.to_string() })).await;
    assert_eq!(again.value().await["position"], (last + 1).to_string());
}

async fn metric(api: &Api, name: &str) -> u64 {
    let text = reqwest::get(format!("{}/metrics", api.base)).await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0, |value| value.trim().parse::<f64>().unwrap() as u64)
}

#[tokio::test]
async fn closes_a_connection_when_its_session_ends_or_its_role_changes() {
    // Pings would detect it too, but later than this test waits.
    let limits = StreamLimits {
        ping: Duration::from_secs(600),
        heartbeat: Duration::from_secs(600),
        ..StreamLimits::default()
    };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let stock = "subscription { stockChanged(pizzeriaId: \"P1\") { event } }";
    let pool = &shop.database().pool;
    let announce = async |email: &str, change: &str| {
        let sql = format!(
            "WITH account AS (SELECT id FROM accounts WHERE email = $1), changed AS ({change}) \
             SELECT pg_notify('sessions_changed', id::text) FROM account"
        );
        sqlx::query(&sql).bind(email).execute(pool).await.unwrap();
    };
    let closed = async |account: &str, change: &str| {
        let person = shop.person(account);
        let mut socket = RawSocket::initialised(&shop.server.base, person.token()).await;
        socket.subscribe("1", stock, Value::Null).await;
        assert_eq!(socket.message().await["type"], "next");
        let mut other = RawSocket::initialised(&shop.server.base, shop.person("manager.p1").token()).await;
        announce(&format!("{account}@ocpizza.example"), change).await;
        assert_eq!(socket.closed().await, (4403, "Forbidden".to_owned()));
        // Other connections are unaffected.
        other.say(json!({ "type": "ping" })).await;
        assert_eq!(other.message().await["type"], "pong");
    };
    let end = "DELETE FROM sessions WHERE account_id = (SELECT id FROM account) RETURNING 1";
    closed("pizzaiolo1.p1", end).await;
    let demote = "UPDATE accounts SET role = 'CUSTOMER', pizzeria = NULL WHERE id = (SELECT id FROM account) RETURNING 1";
    closed("receptionist1.p1", demote).await;

    let pizzaiolo = shop.person("pizzaiolo2.p1");
    let mut events =
        tests::Events::open(&shop.server.base, pizzaiolo.token(), None, stock, Value::Null).await;
    assert!(events.event().await.is_some());
    announce("pizzaiolo2.p1@ocpizza.example", end).await;
    let last = events.event().await.unwrap();
    assert_eq!(last.data["errors"][0]["extensions"]["code"], "UNAUTHENTICATED");
    assert_eq!(events.event().await.unwrap().event.as_deref(), Some("complete"));
    assert_eq!(events.block().await, None);
}

#[tokio::test]
async fn starts_no_operation_for_an_ended_session() {
    let limits = StreamLimits { ping: Duration::from_secs(600), ..StreamLimits::default() };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let mut socket = RawSocket::initialised(&shop.server.base, shop.person("customer1").token()).await;
    // Without a notification.
    sqlx::query("DELETE FROM sessions").execute(&shop.database().pool).await.unwrap();
    socket.subscribe("1", "{ me { name } }", Value::Null).await;
    assert_eq!(socket.closed().await.0, 4403);
}

#[tokio::test]
async fn limits_subscriptions_of_an_account_over_all_connections() {
    let limits = StreamLimits {
        subscriptions_per_customer: 2,
        subscriptions_per_employee: 3,
        subscriptions_per_address: 1,
        ..StreamLimits::default()
    };
    let shop = Shop::open_with(|config| Config { streams: limits, ..config }).await;
    let base = &shop.server.base;
    let query = "subscription { maintenanceChanged { position } }";
    for (account, most) in [(Some("customer1"), 2), (Some("manager.p1"), 3), (None, 1)] {
        let token = account.map(|account| shop.person(account).token().unwrap().to_owned());
        let token = token.as_deref();
        let mut sockets = Vec::new();
        for _ in 0..most {
            let mut socket = RawSocket::initialised(base, token).await;
            socket.subscribe("1", query, Value::Null).await;
            assert_eq!(socket.message().await["type"], "next", "{account:?}");
            sockets.push(socket);
        }
        sockets[0].subscribe("2", query, Value::Null).await;
        let refused = sockets[0].message().await;
        assert_eq!((&refused["id"], &refused["type"]), (&json!("2"), &json!("error")), "{refused}");
        assert_eq!(refused["payload"][0]["extensions"]["code"], "RATE_LIMITED", "{refused}");
        let mut events = tests::Events::open(base, token, None, query, Value::Null).await;
        let refused = events.event().await.unwrap();
        assert_eq!(refused.data["errors"][0]["extensions"]["code"], "RATE_LIMITED", "{account:?}");
        // Completing a subscription frees its place; queries need none.
        sockets[0].subscribe("3", "{ __typename }", Value::Null).await;
        assert_eq!(sockets[0].message().await["type"], "next");
        assert_eq!(sockets[0].message().await["type"], "complete");
        sockets[0].say(json!({ "type": "complete", "id": "1" })).await;
        sockets[0].subscribe("4", query, Value::Null).await;
        assert_eq!(sockets[0].message().await["type"], "next", "{account:?}");
    }
    let refused = metric(&shop.anonymous(), "ocpizza_rate_limited_total{by=\"subscriptions\"}").await;
    assert!(refused >= 6, "{refused}");
}
