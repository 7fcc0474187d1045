//! Ambiguous, malformed and slow request heads, and whether a connection continues after an answer: the server announces a close, and keeps a
//! connection whose body it has read.

use std::time::Duration;

use http_api::rate_limit::{RateLimit, RateLimits};
use server::app::Config;
use tests::{RawAnswer, RawHttp, Shop, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BODY: &str = r#"{"query":"{ __typename }"}"#;

fn post(lines: &str, body: &str) -> String {
    format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Sends two requests; returns the first answer and whether the second was answered.
async fn twice(base: &str, request: &str) -> (RawAnswer, bool) {
    let mut connection = RawHttp::connect(base).await;
    connection.send(request).await;
    let first = connection.answer().await.unwrap_or_else(|| panic!("{request:.200}: no answer"));
    let second = connection.get("/version").await;
    (first, second.is_some_and(|answer| answer.status == 200))
}

#[tokio::test]
async fn refuses_ambiguous_heads_and_closes_the_connection() {
    let shop = Shop::open().await;
    let base = &shop.server.base;
    let json = "Content-Type: application/json\r\n";
    let get = |lines: &str| format!("GET /graphql?query=%7B__typename%7D HTTP/1.1\r\n{lines}\r\n");
    for (request, status) in [
        (get(""), 400),
        (get("Host: localhost\r\nHost: localhost\r\n"), 400),
        (get("Host: localhost\r\nHost: evil.example\r\n"), 400),
        (get("Host: user@localhost\r\n"), 400),
        (get("Host:\r\n"), 400),
        (get("Host: localhost\r\nAuthorization: Bearer a\r\nAuthorization: Bearer b\r\n"), 400),
        (get("Host: localhost\r\nLast-Event-ID: 1\r\nLast-Event-ID: 2\r\n"), 400),
        (get("Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example\r\n"), 403),
        (post(&format!("{json}Content-Type: text/plain\r\n"), BODY), 400),
        (post(&format!("{json}Content-Encoding: identity\r\nContent-Encoding: gzip\r\n"), BODY), 400),
        (post(&format!("{json}Content-Length: 5\r\n"), BODY), 400),
        (
            format!(
                "POST /graphql HTTP/1.1\r\nHost: localhost\r\n{json}Transfer-Encoding: chunked\r\n\
                 Transfer-Encoding: chunked\r\n\r\n1a\r\n{BODY}\r\n0\r\n\r\n"
            ),
            400,
        ),
    ] {
        let (answer, goes_on) = twice(base, &request).await;
        assert_eq!(
            (answer.status, answer.says_close(), goes_on),
            (status, true, false),
            "{request}: {answer:?}"
        );
    }
    // HTTP/1.0 needs no Host. A length beside chunks is ignored, and the connection ends.
    let (old, _) = twice(base, "GET /version HTTP/1.0\r\n\r\n").await;
    assert_eq!(old.status, 200);
    let smuggled = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\n{json}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n\
         1a\r\n{BODY}\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
    );
    let (answer, goes_on) = twice(base, &smuggled).await;
    assert_eq!((answer.status, answer.says_close(), goes_on), (200, true, false), "{answer:?}");
}

#[tokio::test]
async fn keeps_the_connection_of_a_refused_request_whose_body_was_read() {
    let slow = RateLimits { account: RateLimit::OFF, address: RateLimit::OFF };
    let shop = Shop::open_with(|config| Config { rates: slow, ..config }).await;
    let base = &shop.server.base;
    let json = "Content-Type: application/json\r\n";
    let large = format!("{{\"query\":\"{{ __typename }}\",\"padding\":\"{}\"}}", "a".repeat(70_000));
    // Slightly longer than the limit, without an end or a next chunk.
    let endless = format!(
        "POST /graphql HTTP/1.1\r\nHost: localhost\r\n{json}Transfer-Encoding: chunked\r\n\r\n11170\r\n{}\r\n",
        "a".repeat(70_000)
    );
    for (request, status, goes_on) in [
        (post("Content-Type: text/plain\r\n", BODY), 415, true),
        (post(&format!("{json}Accept: text/html\r\n"), BODY), 406, true),
        (post(&format!("{json}Authorization: Bearer ocp_x\r\n"), BODY), 401, true),
        (post(json, &large), 413, true),
        (format!("PUT /graphql HTTP/1.1\r\nHost: localhost\r\nContent-Length: 26\r\n\r\n{BODY}"), 405, true),
        (format!("POST /nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Length: 26\r\n\r\n{BODY}"), 404, true),
        // Announced, but not sent.
        (
            format!("POST /graphql HTTP/1.1\r\nHost: localhost\r\n{json}Content-Length: 9000000\r\n\r\n"),
            413,
            false,
        ),
        (
            format!(
                "POST /graphql HTTP/1.1\r\nHost: localhost\r\n{json}Content-Length: 70000\r\nExpect: 100-continue\r\n\r\n"
            ),
            413,
            false,
        ),
        (endless, 413, false),
    ] {
        let (answer, went_on) = twice(base, &request).await;
        assert_eq!(
            (answer.status, went_on, answer.says_close()),
            (status, goes_on, !goes_on),
            "{request:.200}: {answer:?}"
        );
    }
}

#[tokio::test]
async fn a_rate_limited_client_keeps_its_connection() {
    let slow = RateLimits { account: RateLimit::OFF, address: RateLimit::of(1, 1) };
    let shop = Shop::open_with(|config| Config { rates: slow, ..config }).await;
    let mut connection = RawHttp::connect(&shop.server.base).await;
    let request = post("Content-Type: application/json\r\n", BODY);
    let mut refused = 0;
    for _ in 0..10 {
        connection.send(&request).await;
        let answer = connection.answer().await.expect("the connection goes on");
        assert!(!answer.says_close(), "{answer:?}");
        refused += usize::from(answer.status == 429);
    }
    assert!(refused >= 1);
    assert_eq!(connection.get("/healthz").await.unwrap().status, 200);
}

async fn connect(shop: &Shop) -> TcpStream {
    TcpStream::connect(shop.server.base.trim_start_matches("http://")).await.unwrap()
}

/// Everything received until the server closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset also closes the connection.
    let _ = within(stream.read_to_end(&mut answer)).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_slow_first_head_ends_the_connection() {
    let shop = Shop::open().await;
    let mut silent = connect(&shop).await;
    let slow = connect(&shop).await;
    let (mut reading, mut writing) = slow.into_split();
    // One header at a time: a timeout since the last byte would never end.
    let dripping = tokio::spawn(async move {
        let _ = writing.write_all(b"POST /graphql HTTP/1.1\r\nHost: localhost\r\n").await;
        while writing.write_all(b"X-Drop: 1\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let mut slow = Vec::new();
    let slow = async {
        let _ = within(reading.read_to_end(&mut slow)).await;
    };
    let (silent, ()) = tokio::join!(until_closed(&mut silent), slow);
    assert_eq!(silent, "");
    within(dripping).await.unwrap();
    shop.anonymous().data("{ __typename }", serde_json::Value::Null).await;
}

#[tokio::test]
async fn malformed_heads_are_refused_and_end_the_connection() {
    let shop = Shop::open().await;
    let body = r#"{"query":"{ __typename }"}"#;
    let json = "Host: localhost\r\nContent-Type: application/json\r\n";
    let long = "x".repeat(40_000);
    for (head, status) in [
        (format!("POST /graphql HTTP/1.1\r\n{json}Content-Length: 27\r\nContent-Length: 5\r\n"), "400"),
        (format!("POST /graphql HTTP/1.1\r\n{json}Content-Length: -1\r\n"), "400"),
        (format!("POST /graphql HTTP/1.1\r\n{json}Transfer-Encoding: identity\r\n"), "400"),
        (format!("POST /graphql HTTP/1.0\r\n{json}Transfer-Encoding: chunked\r\n"), "400"),
        (format!("POST /graphql HTTP/1.1\r\n{json}Content-Length : 27\r\n"), "400"),
        (format!("POST /graphql HTTP/1.1\r\n{json}X-Long: {long}\r\n"), "431"),
        (format!("POST /graphql HTTP/1.1\r\n{json}{}", "X-Many: 1\r\n".repeat(200)), "431"),
        (format!("GET /graphql?query={long} HTTP/1.1\r\n{json}"), "431"),
        ("POST /graphql HTTP/1.1\r\nHost: a\u{0}b\r\n".to_owned(), "400"),
    ] {
        let mut stream = connect(&shop).await;
        // A long head may be refused before it is sent completely.
        let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
        let answer = until_closed(&mut stream).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{head:.120}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:.120}: {answer}");
    }
}
