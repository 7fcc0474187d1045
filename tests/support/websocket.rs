//! A client of `graphql-transport-ws`: one subscription on its own connection.

use anyhow::Context;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::eventually::within;

const PROTOCOL: &str = "graphql-transport-ws";

/// A running subscription. Dropping it cuts the connection without a close frame.
#[derive(Debug)]
pub struct Subscription {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
}

/// An item of a subscription.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// A value of the subscription's field.
    Next(Value),
    /// The end, with these errors.
    Failed(Value),
    /// The end.
    Complete,
    /// The connection was lost.
    Gone,
}

impl Subscription {
    /// Connects, authenticates and subscribes.
    pub(crate) async fn open(url: String, token: Option<String>, document: String, variables: Value) -> Self {
        Self::try_open(url, token, document, variables).await.expect("a subscription begins")
    }

    /// As [`Self::open`], for a process that may end.
    pub(crate) async fn try_open(
        url: String,
        token: Option<String>,
        document: String,
        variables: Value,
    ) -> anyhow::Result<Self> {
        let mut request = url.into_client_request()?;
        request.headers_mut().insert("sec-websocket-protocol", HeaderValue::from_static(PROTOCOL));
        let (socket, response) = connect_async(request).await?;
        let protocol = response.headers().get("sec-websocket-protocol");
        anyhow::ensure!(protocol.is_some_and(|protocol| protocol == PROTOCOL), "{protocol:?}");
        let mut this = Self { socket };
        let payload = token.map(|token| json!({ "authorization": format!("Bearer {token}") }));
        this.send(json!({ "type": "connection_init", "payload": payload.unwrap_or(json!({})) })).await?;
        let ack = this.receive().await.context("no answer to connection_init")?;
        anyhow::ensure!(ack["type"] == "connection_ack", "{ack}");
        let payload = json!({ "query": document, "variables": variables });
        this.send(json!({ "type": "subscribe", "id": "1", "payload": payload })).await?;
        Ok(this)
    }

    async fn send(&mut self, message: Value) -> anyhow::Result<()> {
        Ok(self.socket.send(Message::text(message.to_string())).await?)
    }

    async fn receive(&mut self) -> Option<Value> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let message: Value = serde_json::from_str(&text).unwrap_or_default();
                    if message["type"] == "ping" {
                        self.send(json!({ "type": "pong" })).await.ok()?;
                        continue;
                    }
                    return Some(message);
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The next item.
    #[track_caller]
    pub fn item(&mut self) -> impl Future<Output = Item> {
        within(async {
            let Some(mut message) = self.receive().await else { return Item::Gone };
            match message["type"].as_str() {
                Some("next") if message["payload"]["errors"].is_null() => {
                    let data = message["payload"]["data"].as_object_mut();
                    Item::Next(
                        data.and_then(|data| data.values_mut().next().map(Value::take)).unwrap_or_default(),
                    )
                }
                Some("next") => Item::Failed(message["payload"]["errors"].take()),
                Some("error") => Item::Failed(message["payload"].take()),
                _ => Item::Complete,
            }
        })
    }

    /// The next value; panics if another item comes.
    #[track_caller]
    pub fn value(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        let item = self.item();
        async move {
            match item.await {
                Item::Next(value) => value,
                other => panic!("{caller}: no value: {other:?}"),
            }
        }
    }

    /// The first matching value; earlier ones are skipped.
    #[track_caller]
    pub fn until(&mut self, mut fits: impl FnMut(&Value) -> bool) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        within(async move {
            loop {
                match self.item().await {
                    Item::Next(value) if fits(&value) => return value,
                    Item::Next(_) => {}
                    other => panic!("{caller}: no value: {other:?}"),
                }
            }
        })
    }

    /// Error code with which the subscription ends.
    #[track_caller]
    pub fn refused(&mut self) -> impl Future<Output = String> {
        let caller = std::panic::Location::caller();
        let item = self.item();
        async move {
            match item.await {
                Item::Failed(errors) => {
                    errors[0]["extensions"]["code"].as_str().map(str::to_owned).unwrap_or_default()
                }
                other => panic!("{caller}: not refused: {other:?}"),
            }
        }
    }
}
