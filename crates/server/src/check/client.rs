//! A client of a deployment. Every request has a timeout and an id that the deployment logs.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use event_store::chain;
use futures_util::{SinkExt, StreamExt};
use reqwest::{Client, Response, Url, redirect};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use uuid::Uuid;

/// Time within which a connection must open.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time within which a request must be answered.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The address of a deployment cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is not an HTTP address.
    #[error("URL must be an address such as https://pizza.example, not {0:?}")]
    NotAnAddress(String),
    /// The HTTP client cannot be made.
    #[error("the HTTP client cannot be made")]
    Client(#[from] reqwest::Error),
}

/// A deployment. Clones share the connections.
#[derive(Debug, Clone)]
pub struct Target {
    base: Url,
    client: Client,
    token: Option<SecretString>,
    /// Prefix of request ids.
    run: Arc<str>,
    requests: Arc<AtomicUsize>,
}

/// An operation was refused, or did not arrive.
#[derive(Debug, Clone)]
pub(super) struct Refused {
    /// `extensions.code` of the first error.
    pub code: Option<String>,
    pub message: String,
}

impl Refused {
    fn new(message: impl Into<String>) -> Self {
        Self { code: None, message: message.into() }
    }
}

impl From<Refused> for String {
    fn from(Refused { code, message }: Refused) -> Self {
        match code {
            Some(code) => format!("{code}: {message}"),
            None => message,
        }
    }
}

impl Target {
    /// Reads an address, with or without a path and a slash at the end. `run` is the prefix of request ids.
    ///
    /// # Errors
    /// [`TargetError`].
    pub fn new(address: &str, run: &str) -> Result<Self, TargetError> {
        let wrong = || TargetError::NotAnAddress(address.to_owned());
        let mut base = Url::parse(address.trim()).map_err(|_| wrong())?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(wrong());
        }
        base.set_query(None);
        base.set_fragment(None);
        let path = format!("{}/", base.path().trim_end_matches('/'));
        base.set_path(&path);
        let client = Client::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            // A redirect leads to another deployment.
            .redirect(redirect::Policy::none())
            .user_agent(concat!("ocpizza-manager-check/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { base, client, token: None, run: run.into(), requests: Arc::default() })
    }

    /// Returns the target with a bearer token.
    #[must_use]
    pub fn with_token(&self, token: SecretString) -> Self {
        Self { token: Some(token), ..self.clone() }
    }

    /// Returns whether requests are encrypted.
    pub(super) fn is_encrypted(&self) -> bool {
        self.base.scheme() == "https"
    }

    fn url(&self, path: &str) -> Url {
        self.base.join(path).unwrap_or_else(|_| self.base.clone())
    }

    fn request_id(&self) -> String {
        self.id_of(self.requests.fetch_add(1, Ordering::Relaxed)).to_string()
    }

    fn id_of(&self, request: usize) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{}-{request}", self.run).as_bytes())
    }

    /// Whether a request of this run has the id.
    pub(super) fn sent(&self, request_id: &str) -> bool {
        let sent = self.requests.load(Ordering::Relaxed);
        Uuid::try_parse(request_id).is_ok_and(|id| (0..sent).any(|request| self.id_of(request) == id))
    }

    /// Sends a `GET`.
    pub(super) async fn get(&self, path: &str) -> Result<Response, String> {
        let request = self.client.get(self.url(path)).header("x-request-id", self.request_id());
        request.send().await.map_err(|error| chain(&error.without_url()))
    }

    /// Executes an operation and returns its `data`.
    pub(super) async fn graphql(&self, query: &str, variables: Value) -> Result<Value, Refused> {
        let mut request = self.client.post(self.url("graphql")).header("x-request-id", self.request_id());
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        let body = json!({ "query": query, "variables": variables });
        let sent = request.json(&body).send().await;
        let answer = sent.map_err(|error| Refused::new(chain(&error.without_url())))?;
        let status = answer.status();
        let body: Value =
            answer.json().await.map_err(|_| Refused::new(format!("status {status}, and no JSON")))?;
        match body["errors"].get(0) {
            Some(error) => Err(Refused {
                code: error["extensions"]["code"].as_str().map(str::to_owned),
                message: error["message"].as_str().unwrap_or("an error").to_owned(),
            }),
            None if body["data"].is_object() => Ok(body["data"].clone()),
            None => Err(Refused::new(format!("status {status}, and no data"))),
        }
    }

    /// Opens a WebSocket whose `connection_init` was acknowledged.
    pub(super) async fn socket(&self) -> Result<Socket, String> {
        let mut url = self.url("graphql");
        let scheme = if self.is_encrypted() { "wss" } else { "ws" };
        url.set_scheme(scheme).map_err(|()| "no WebSocket address".to_owned())?;
        let mut request = url.as_str().into_client_request().map_err(|error| chain(&error))?;
        let protocol = HeaderValue::from_static("graphql-transport-ws");
        request.headers_mut().insert("sec-websocket-protocol", protocol);
        let connected = timeout(REQUEST_TIMEOUT, connect_async(request)).await;
        let (socket, _) = connected.map_err(|_| late())?.map_err(|error| chain(&error))?;
        let mut socket = Socket(socket);
        let token = self.token.as_ref().map(|token| format!("Bearer {}", token.expose_secret()));
        let payload = token.map_or(json!({}), |token| json!({ "authorization": token }));
        socket.say(json!({ "type": "connection_init", "payload": payload })).await?;
        match socket.hear().await?["type"].as_str() {
            Some("connection_ack") => Ok(socket),
            other => Err(format!("connection_init was answered with {}", other.unwrap_or("nothing"))),
        }
    }
}

fn late() -> String {
    format!("no answer within {} s", REQUEST_TIMEOUT.as_secs())
}

/// A connection of `graphql-transport-ws`.
#[derive(Debug)]
pub(super) struct Socket(WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    async fn say(&mut self, message: Value) -> Result<(), String> {
        let sending = self.0.send(Message::text(message.to_string()));
        timeout(REQUEST_TIMEOUT, sending).await.map_err(|_| late())?.map_err(|error| chain(&error))
    }

    /// Starts a subscription.
    pub async fn subscribe(&mut self, query: &str, variables: Value) -> Result<(), String> {
        let payload = json!({ "query": query, "variables": variables });
        self.say(json!({ "id": "1", "type": "subscribe", "payload": payload })).await
    }

    /// Returns the next item's data.
    pub async fn item(&mut self) -> Result<Value, String> {
        loop {
            let message = self.hear().await?;
            match message["type"].as_str() {
                Some("next") if message["payload"]["errors"].is_null() => {
                    return Ok(message["payload"]["data"].clone());
                }
                Some("ping") => self.say(json!({ "type": "pong" })).await?,
                Some("pong") => {}
                _ => return Err("the subscription ended".to_owned()),
            }
        }
    }

    async fn hear(&mut self) -> Result<Value, String> {
        let listening = async {
            loop {
                match self.0.next().await {
                    Some(Ok(Message::Text(text))) => {
                        return serde_json::from_str(&text).map_err(|_| "a message is no JSON".to_owned());
                    }
                    Some(Ok(Message::Close(_))) | None => return Err("the connection was closed".to_owned()),
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(chain(&error)),
                }
            }
        };
        timeout(REQUEST_TIMEOUT, listening).await.map_err(|_| late())?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_addresses_with_and_without_paths() {
        for (address, url) in [
            ("http://localhost:8080", "http://localhost:8080/healthz"),
            ("http://localhost:8080/", "http://localhost:8080/healthz"),
            (" https://a.example/pizza/?x#y", "https://a.example/pizza/healthz"),
            ("https://a.example/pizza", "https://a.example/pizza/healthz"),
        ] {
            assert_eq!(Target::new(address, "run").unwrap().url("healthz").as_str(), url, "{address}");
        }
        for address in ["", "localhost", "localhost:8080", "ftp://a.example", "postgres://localhost/x"] {
            assert!(Target::new(address, "run").is_err(), "{address}");
        }
    }
}
