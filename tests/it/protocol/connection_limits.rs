//! Limits of connections, by client address and in total, in a process with few file descriptors and clients at
//! several local addresses.

use std::net::IpAddr;

use http_api::connections::Budget;
use server::app::Config;
use tests::processes::Process;
use tests::{Demo, RawAnswer, RawHttp, Shop, eventually};

/// File descriptors of the process, and its database connections.
const FILES: u64 = 256;
const DATABASE_CONNECTIONS: u32 = 9;

const UPGRADE: &str = "GET /graphql HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: graphql-transport-ws\r\n";
const EVENTS: &str = "GET /graphql?query=subscription%7BmaintenanceChanged%7Bposition%7D%7D HTTP/1.1\r\n\
    Host: localhost\r\nAccept: text/event-stream\r\n\r\n";

fn address(last: u8) -> IpAddr {
    [127, 0, 0, last].into()
}

/// A WebSocket text frame with `connection_init`, masked with zeros.
fn init_frame() -> Vec<u8> {
    const INIT: &[u8] = br#"{"type":"connection_init"}"#;
    [&[0x81, 0x80 | INIT.len() as u8, 0, 0, 0, 0], INIT].concat()
}

/// A connection from an address, and its answer.
async fn asked(base: &str, from: IpAddr, request: &str) -> (RawHttp, Option<RawAnswer>) {
    let mut connection = RawHttp::connect_from(base, from).await;
    connection.send(request).await;
    let answer = connection.answer().await;
    (connection, answer)
}

/// The status of a path for a client address.
async fn status(base: &str, from: IpAddr, path: &str) -> u16 {
    let answer = RawHttp::connect_from(base, from).await.get(path).await;
    answer.unwrap_or_else(|| panic!("{path} is not answered")).status
}

/// Opens connections and keeps them until one is refused; returns that answer.
async fn fill(base: &str, from: IpAddr, most: usize, kept: &mut Vec<RawHttp>) -> Option<RawAnswer> {
    for _ in 0..most {
        let mut connection = RawHttp::connect_from(base, from).await;
        let answer = connection.get("/version").await.expect("an answer");
        if answer.status != 200 {
            assert!(answer.says_close(), "{answer:?}");
            assert!(connection.answer().await.is_none());
            return Some(answer);
        }
        assert!(!answer.says_close(), "{answer:?}");
        kept.push(connection);
    }
    None
}

async fn metric(base: &str, line: &str) -> u64 {
    let answer = RawHttp::connect_from(base, address(99)).await.get("/metrics").await.expect("an answer");
    let found = answer.body.lines().find_map(|known| known.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse::<f64>().unwrap() as u64)
}

#[tokio::test]
async fn limits_the_connections_of_an_address() {
    let demo = Demo::create().await;
    let process = Process::serve_with_files(&demo.database.url, FILES).await;
    let base = &process.base;
    let budget = Budget::of(Some(FILES), DATABASE_CONNECTIONS, None);
    assert_eq!(metric(base, "ocpizza_connections_max ").await, budget.connections as u64);

    let mut kept = Vec::new();
    let refused = fill(base, address(2), budget.connections, &mut kept).await.expect("a refusal");
    assert_eq!(kept.len(), budget.per_address);
    assert_eq!(refused.status, 429);
    assert!(
        refused.body.contains("RATE_LIMITED") && !refused.header("retry-after").is_empty(),
        "{refused:?}"
    );
    // Its open connections continue, it still gets health answers, and other addresses are served.
    assert_eq!(kept[0].get("/version").await.unwrap().status, 200);
    assert_eq!(status(base, address(2), "/healthz").await, 200);
    assert_eq!(status(base, address(2), "/readyz").await, 200);
    assert_eq!(status(base, address(3), "/graphql?query=%7B__typename%7D").await, 200);
    assert!(metric(base, "ocpizza_connections_refused_total{by=\"address\"} ").await >= 3);

    kept.pop();
    eventually("the place of a closed connection is free", || async {
        (status(base, address(2), "/version").await == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn answers_health_checks_while_all_connections_are_taken() {
    let demo = Demo::create().await;
    let process = Process::serve_with_files(&demo.database.url, FILES).await;
    let base = &process.base;
    let budget = Budget::of(Some(FILES), DATABASE_CONNECTIONS, None);

    let (mut kept, mut last) = (Vec::new(), 2);
    let upgrade = format!("{UPGRADE}\r\n");
    for nth in 0..budget.per_address {
        let request = if nth % 2 == 0 { upgrade.as_str() } else { EVENTS };
        let (mut connection, answer) = asked(base, address(last), request).await;
        let status = answer.expect("an answer").status;
        assert_eq!(status, if nth % 2 == 0 { 101 } else { 200 }, "{nth}");
        if status == 101 {
            connection.send(init_frame()).await;
        }
        kept.push(connection);
    }
    // Open streams also count against plain requests of the address.
    let (_, refused) = asked(base, address(last), "GET /version HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    assert_eq!(refused.expect("an answer").status, 429);

    let full = loop {
        last += 1;
        let refused = fill(base, address(last), budget.per_address, &mut kept).await;
        if let Some(refused) = refused {
            break refused;
        }
    };
    assert_eq!((full.status, full.body.contains("OVERLOADED")), (503, true), "{full:?}");
    assert_eq!(kept.len(), budget.connections);
    for path in ["/healthz", "/readyz"] {
        let answer = RawHttp::connect_from(base, address(50)).await.get(path).await.expect("an answer");
        assert_eq!((answer.status, answer.says_close()), (200, true), "{path}: {answer:?}");
    }
    assert_eq!(status(base, address(50), "/version").await, 503);
    // Silent connections do not use the reserve.
    let _silent = futures_util::future::join_all(
        (0..budget.reserve).map(|nth| RawHttp::connect_from(base, address(60 + nth as u8))),
    )
    .await;
    eventually("the reserve is free again", || async {
        let answer = RawHttp::connect_from(base, address(51)).await.get("/healthz").await;
        answer.is_some_and(|answer| answer.status == 200).then_some(())
    })
    .await;
}

#[tokio::test]
async fn limits_streams_of_each_client_behind_a_trusted_proxy() {
    let shop = Shop::open_with(|config| Config {
        trusted_proxies: "127.0.0.1".parse().unwrap(),
        connections_per_address: Some(3),
        ..config
    })
    .await;
    let base = &shop.server.base;
    let of = |client: &str| format!("{UPGRADE}X-Forwarded-For: {client}\r\n\r\n");
    let mut kept = Vec::new();
    for (client, status) in [
        ("198.51.100.7", 101),
        ("198.51.100.7", 101),
        ("::ffff:198.51.100.7", 101),
        ("198.51.100.7", 429),
        ("198.51.100.8", 101),
    ] {
        let (connection, answer) = asked(base, address(1), &of(client)).await;
        assert_eq!(answer.expect("an answer").status, status, "{client}");
        kept.push(connection);
    }
    // The proxy has no limit; another peer has.
    for _ in 0..5 {
        let mut connection = RawHttp::connect(base).await;
        assert_eq!(connection.get("/version").await.unwrap().status, 200);
        kept.push(connection);
    }
    let refused = fill(base, address(2), 10, &mut kept).await.expect("a refusal");
    assert_eq!(refused.status, 429);
}
