//! OTLP traces: spans of a request arrive as part of the trace that it named.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tests::orders::{basket, pizza, with};
use tests::processes::Process;
use tests::{Demo, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Requests received by a collector, in order.
type Received = Arc<Mutex<Vec<Vec<u8>>>>;

/// A collector that accepts everything.
async fn collector() -> (String, Received) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let received = Received::default();
    let kept = received.clone();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            tokio::spawn(take(socket, kept.clone()));
        }
    });
    (endpoint, received)
}

async fn take(mut socket: TcpStream, kept: Received) {
    let mut bytes = Vec::new();
    loop {
        let head = bytes.windows(4).position(|window| window == b"\r\n\r\n").map(|at| at + 4);
        let length = head.and_then(|head| {
            let head = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
            head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok())
        });
        match head.zip(length) {
            Some((head, length)) if bytes.len() >= head + length => {
                let rest = bytes.split_off(head + length);
                kept.lock().unwrap().push(std::mem::replace(&mut bytes, rest));
                if socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.is_err() {
                    return;
                }
            }
            _ => {
                if !matches!(socket.read_buf(&mut bytes).await, Ok(read) if read > 0) {
                    return;
                }
            }
        }
    }
}

fn contains(received: &Received, wanted: &[u8]) -> bool {
    let received = received.lock().unwrap();
    received.iter().any(|request| request.windows(wanted.len()).any(|window| window == wanted))
}

#[tokio::test]
async fn exports_spans_into_the_trace_of_the_request() {
    let demo = Demo::create().await;
    let (endpoint, received) = collector().await;
    let variables = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint.as_str()),
        ("OTEL_BSP_SCHEDULE_DELAY", "100"),
        ("RUST_LOG", "error"),
    ];
    let process = Process::serve_with(&demo.database.url, &variables).await;
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let input = with(
        basket("P1", "TAKEAWAY", &[pizza("REI", "M", 1)]),
        json!({ "contact": { "name": "Zébulon Fictif" } }),
    );
    let query = "mutation Mine($input: PlaceOrderInput!) { placeOrder(input: $input) { position } }";
    let answered = reqwest::Client::new()
        .post(format!("{}/graphql", process.base))
        .bearer_auth(demo.token("director"))
        .header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"))
        .json(&json!({ "query": query, "variables": { "input": input } }))
        .send()
        .await
        .unwrap();
    assert_eq!(answered.status(), 200);
    let bytes: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&trace[at * 2..at * 2 + 2], 16).unwrap()).collect();
    for wanted in ["request", "operation", "command", "append", "projection", "placeOrder", "ocpizza-manager"]
    {
        eventually(wanted, || async { contains(&received, wanted.as_bytes()).then_some(()) }).await;
    }
    eventually("the trace is continued", || async { contains(&received, &bytes).then_some(()) }).await;
    assert!(
        !contains(&received, "Fictif".as_bytes()) && !contains(&received, demo.token("director").as_bytes())
    );
}
