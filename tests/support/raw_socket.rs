//! A WebSocket message by message, with its close codes.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::eventually::within;

/// What a socket received.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// A message.
    Message(Value),
    /// A close frame with a code and a reason.
    Closed(u16, String),
    /// The end without a close frame.
    Gone,
}

/// A connection. Dropping it cuts it without a close frame.
#[derive(Debug)]
pub struct RawSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl From<WebSocketStream<MaybeTlsStream<TcpStream>>> for RawSocket {
    fn from(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self(socket)
    }
}

impl RawSocket {
    /// Connects without sending a message.
    pub async fn connect(base: &str) -> Self {
        let url = base.replacen("http", "ws", 1) + "/graphql";
        let mut request = url.into_client_request().expect("an address");
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        Self(within(connect_async(request)).await.expect("a WebSocket opens").0)
    }

    /// Connects, initialises and awaits the acknowledgement.
    pub async fn initialised(base: &str, token: Option<&str>) -> Self {
        let mut this = Self::connect(base).await;
        this.initialise(token).await;
        assert_eq!(this.heard().await, Heard::Message(json!({ "type": "connection_ack" })));
        this
    }

    /// Sends `connection_init`.
    pub async fn initialise(&mut self, token: Option<&str>) {
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        self.say(json!({ "type": "connection_init", "payload": payload.unwrap_or(json!({})) })).await;
    }

    /// Sends `subscribe`.
    pub async fn subscribe(&mut self, id: &str, query: &str, variables: Value) {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "type": "subscribe", "id": id, "payload": payload })).await;
    }

    /// Sends a protocol message.
    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    /// Sends a WebSocket message.
    pub async fn send(&mut self, message: Message) {
        // The close reason is read later.
        let _ = within(self.0.send(message)).await;
    }

    /// The next message, including protocol pings.
    #[track_caller]
    pub fn heard(&mut self) -> impl Future<Output = Heard> {
        within(async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return Heard::Message(serde_json::from_str(&text).unwrap_or_default());
                    }
                    Some(Ok(Message::Close(Some(frame)))) => {
                        return Heard::Closed(frame.code.into(), frame.reason.to_string());
                    }
                    Some(Ok(Message::Close(None)) | Err(_)) | None => return Heard::Gone,
                    Some(Ok(_)) => {}
                }
            }
        })
    }

    /// The next message other than a ping; panics if the connection ends.
    #[track_caller]
    pub fn message(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        within(async move {
            loop {
                match self.heard().await {
                    Heard::Message(message) if message["type"] == "ping" => {
                        self.say(json!({ "type": "pong" })).await;
                    }
                    Heard::Message(message) => return message,
                    end => panic!("{caller}: {end:?}"),
                }
            }
        })
    }

    /// The close code and reason, after skipping messages. Zero if it ends without a close frame.
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = (u16, String)> {
        within(async {
            loop {
                match self.heard().await {
                    Heard::Message(_) => {}
                    Heard::Closed(code, reason) => return (code, reason),
                    Heard::Gone => return (0, String::new()),
                }
            }
        })
    }
}

/// An upgraded connection that answers nothing, not even pings.
#[derive(Debug)]
pub struct Silent(TcpStream);

/// Opens a silent connection.
pub async fn silent(base: &str) -> Silent {
    let at = base.trim_start_matches("http://");
    let mut stream = TcpStream::connect(at).await.expect("connects");
    let request = format!(
        "GET /graphql HTTP/1.1\r\nHost: {at}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Sec-WebSocket-Protocol: graphql-transport-ws\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.expect("writes");
    Silent(stream)
}

impl Silent {
    /// Reads until the server closes the connection.
    pub async fn ended(mut self) {
        let mut buffer = [0; 1024];
        while matches!(self.0.read(&mut buffer).await, Ok(read) if read > 0) {}
    }
}
