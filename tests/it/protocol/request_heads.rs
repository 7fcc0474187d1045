//! Malformed and slow request heads, over bare sockets.

use std::time::Duration;

use tests::{Shop, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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
    shop.anybody().data("{ __typename }", serde_json::Value::Null).await;
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
