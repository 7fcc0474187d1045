//! `GET /graphql` with a WebSocket upgrade: the protocol `graphql-transport-ws`. The token comes in
//! `connection_init`, and a client that sends none in time, or reads nothing, is let go.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use async_graphql::Data;
use async_graphql::http::{WebSocket as Protocol, WebSocketProtocols, WsMessage};
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::client_address::ClientAddress;
use super::execute::{Api, ConnectionExecutor, Refused, authorization, lang};
use super::limits;
use super::negotiation::{MediaType, failure};
use super::request_id::RequestId;
use super::router::Server;
use crate::context::Caller;
use crate::error::ErrorCode;
use crate::labels::Lang;

/// The only protocol spoken.
const PROTOCOL: &str = "graphql-transport-ws";
/// How long a client may take to send `connection_init`, or to take a message.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a connection is asked whether it is still there, and its token whether it still holds.
const PING: Duration = Duration::from_secs(20);
/// Of each connection's buffers, in bytes; there are many connections.
const BUFFER: usize = 4 * 1024;
/// The most that waits to be written to one connection, in bytes.
const BACKLOG: usize = 1024 * 1024;

/// Why a connection is closed, by the protocol's own codes where it has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    GoingAway,
    TooBig,
    TryAgain,
    Malformed,
    NotInitialised,
    Forbidden,
    TooLate,
    InitialisedTwice,
}

impl Close {
    fn frame(self) -> CloseFrame {
        let (code, reason) = match self {
            Self::GoingAway => (1001, "Going away"),
            Self::TooBig => (1009, "Message too big"),
            Self::TryAgain => (1013, "Try again later"),
            Self::Malformed => (4400, "Invalid message"),
            Self::NotInitialised => (4401, "Unauthorized"),
            Self::Forbidden => (4403, "Forbidden"),
            Self::TooLate => (4408, "Connection initialisation timeout"),
            Self::InitialisedTwice => (4429, "Too many initialisation requests"),
        };
        CloseFrame { code, reason: reason.into() }
    }
}

/// The request that a connection came from.
struct Opening {
    id: RequestId,
    address: ClientAddress,
    lang: Lang,
}

/// Who a connection was opened for, and by which token.
struct Session {
    token: Option<String>,
    caller: Caller,
}

impl Session {
    /// Whether the token still lets the same somebody in, who may the same. When sessions cannot be
    /// read the connection goes on, and is asked about again.
    async fn holds(&self, api: &Api) -> bool {
        let id = RequestId(self.caller.request_id.clone());
        let again = api.caller(self.token.as_deref(), self.caller.address, self.caller.lang, &id);
        match tokio::time::timeout(PATIENCE, again).await {
            Ok(Ok(caller)) => caller.actor == self.caller.actor,
            Ok(Err(Refused::Token)) => false,
            Ok(Err(Refused::Unavailable)) | Err(_) => true,
        }
    }
}

/// What the two halves of a connection tell each other.
#[derive(Default)]
struct Shared {
    session: OnceLock<Session>,
    initialised: AtomicBool,
    forbidden: AtomicBool,
    unavailable: AtomicBool,
    heard: AtomicBool,
    too_big: AtomicBool,
}

/// Upgrades a request to a connection.
pub fn upgrade(
    server: Server,
    upgrade: WebSocketUpgrade,
    id: RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
) -> Response {
    if !server.origins.allow(headers) {
        let message = "this page may not talk to the API: its origin is not allowed";
        return failure(StatusCode::FORBIDDEN, MediaType::Json, ErrorCode::Forbidden, message, None);
    }
    let offered = headers.get_all("sec-websocket-protocol").iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == PROTOCOL) {
        let message = "the WebSocket protocol is graphql-transport-ws";
        return failure(StatusCode::BAD_REQUEST, MediaType::Json, ErrorCode::BadUserInput, message, None);
    }
    let Ok(permit) = server.sockets.clone().try_acquire_owned() else {
        let message = "too many WebSockets are open; try again";
        let status = StatusCode::SERVICE_UNAVAILABLE;
        return failure(status, MediaType::Json, ErrorCode::Overloaded, message, None);
    };
    let header = authorization(headers).map(str::to_owned);
    let opening = Opening { id, address, lang: lang(headers) };
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(limits::BODY)
        .max_frame_size(limits::BODY)
        .read_buffer_size(BUFFER)
        .write_buffer_size(BUFFER)
        .max_write_buffer_size(BACKLOG)
        .on_upgrade(move |socket| async move {
            serve(server, socket, opening, header).await;
            drop(permit);
        })
}

/// The token of `connection_init`, else the one of the request that was upgraded.
fn token_of(payload: &serde_json::Value, header: Option<String>) -> Option<String> {
    let given = payload.as_object().and_then(|payload| {
        payload.iter().find(|(name, _)| name.eq_ignore_ascii_case("authorization")).map(|(_, value)| value)
    });
    match given {
        Some(serde_json::Value::String(token)) => Some(token.clone()),
        // What is not text lets nobody in.
        Some(_) => Some(String::new()),
        None => header,
    }
}

async fn serve(server: Server, socket: WebSocket, opening: Opening, header: Option<String>) {
    metrics::gauge!("ocpizza_websocket_connections").increment(1.0);
    let stopping = server.stopping.subscribe();
    if let Some(close) = converse(server, socket, opening, header, stopping).await {
        let (mut sink, close) = close;
        let farewell = sink.send(Message::Close(Some(close.frame())));
        // Whoever does not take the farewell goes without.
        let _ = tokio::time::timeout(PATIENCE, farewell).await;
    }
    metrics::gauge!("ocpizza_websocket_connections").decrement(1.0);
}

type Sink = futures_util::stream::SplitSink<WebSocket, Message>;

/// Carries a connection until one side has enough; says how to close it when that is ours to say.
async fn converse(
    server: Server,
    socket: WebSocket,
    opening: Opening,
    header: Option<String>,
    mut stopping: watch::Receiver<bool>,
) -> Option<(Sink, Close)> {
    let shared = Arc::new(Shared::default());
    let (mut sink, stream) = socket.split();
    let ear = shared.clone();
    let incoming = stream
        .take_while(move |message| {
            ear.heard.store(true, Ordering::Relaxed);
            let goes_on = match message {
                Ok(Message::Close(_)) => false,
                Ok(_) => true,
                Err(error) => {
                    let text = error.to_string().to_ascii_lowercase();
                    ear.too_big
                        .store(text.contains("too long") || text.contains("too large"), Ordering::Relaxed);
                    false
                }
            };
            futures_util::future::ready(goes_on)
        })
        .filter_map(|message| {
            let bytes = match message {
                Ok(Message::Text(text)) => Some(text.as_bytes().to_vec()),
                // Not of the protocol: not JSON, so the connection is closed as malformed.
                Ok(Message::Binary(_)) => Some(Vec::new()),
                Ok(Message::Ping(_) | Message::Pong(_) | Message::Close(_)) | Err(_) => None,
            };
            futures_util::future::ready(bytes)
        });
    let executor = ConnectionExecutor::new(server.api.clone());
    let api = server.api.clone();
    let door = shared.clone();
    let protocol = Protocol::new(executor, incoming, WebSocketProtocols::GraphQLWS).on_connection_init(
        move |payload| async move {
            let token = token_of(&payload, header);
            match api.caller(token.as_deref(), opening.address, opening.lang, &opening.id).await {
                Ok(caller) => {
                    // The protocol asks once: a second connection_init ends the connection.
                    let _ = door.session.set(Session { token, caller: caller.clone() });
                    door.initialised.store(true, Ordering::Relaxed);
                    let mut data = Data::default();
                    data.insert(caller);
                    Ok(data)
                }
                Err(Refused::Token) => {
                    door.forbidden.store(true, Ordering::Relaxed);
                    Err(async_graphql::Error::new("forbidden"))
                }
                Err(Refused::Unavailable) => {
                    door.unavailable.store(true, Ordering::Relaxed);
                    Err(async_graphql::Error::new("unavailable"))
                }
            }
        },
    );
    tokio::pin!(protocol);
    let deadline = tokio::time::sleep(PATIENCE);
    tokio::pin!(deadline);
    let mut ping = tokio::time::interval_at(Instant::now() + PING, PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            answer = protocol.next() => match answer {
                Some(WsMessage::Text(text)) => Message::Text(text.into()),
                Some(WsMessage::Close(code, _)) => {
                    let close = if shared.forbidden.load(Ordering::Relaxed) {
                        Close::Forbidden
                    } else if shared.unavailable.load(Ordering::Relaxed) {
                        Close::TryAgain
                    } else {
                        match code {
                            1011 => Close::NotInitialised,
                            4429 => Close::InitialisedTwice,
                            _ => Close::Malformed,
                        }
                    };
                    return Some((sink, close));
                }
                None if shared.too_big.load(Ordering::Relaxed) => return Some((sink, Close::TooBig)),
                None => return None,
            },
            () = &mut deadline, if !shared.initialised.load(Ordering::Relaxed) => {
                return Some((sink, Close::TooLate));
            }
            _ = ping.tick() => {
                if !shared.heard.swap(false, Ordering::Relaxed) {
                    return None;
                }
                Message::Ping(axum::body::Bytes::new())
            }
            _ = stopping.wait_for(|stopping| *stopping) => return Some((sink, Close::GoingAway)),
        };
        if matches!(message, Message::Ping(_))
            && let Some(session) = shared.session.get()
            && !session.holds(&server.api).await
        {
            return Some((sink, Close::Forbidden));
        }
        match tokio::time::timeout(PATIENCE, sink.send(message)).await {
            Ok(Ok(())) => {}
            // Gone, or not reading.
            Ok(Err(_)) | Err(_) => return None,
        }
    }
}
