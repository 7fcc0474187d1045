//! `GET /graphql` with a WebSocket upgrade: the protocol `graphql-transport-ws`
//! (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>), its server side written here. The
//! library's cannot refuse an id that is in use, tells request errors as results, and wakes for nobody.

mod close;
mod connection;
mod message;
mod operations;

use std::sync::Arc;

use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use document::limits;
use graphql::error::ErrorCode;
use identity::client_address::ClientAddress;

use self::connection::{Connection, Opening};
use super::admission::refuse;
use super::execute::{authorization, lang};
use super::negotiation::{MediaType, failure};
use super::request_id::RequestId;
use super::router::Server;

/// The only protocol spoken.
const PROTOCOL: &str = "graphql-transport-ws";
/// What is read from a connection at once, in bytes, and kept for that; there are many connections, and what most of
/// them say is short. A longer message is read in parts.
const READ: usize = 512;
/// From how many bytes on what is to be written is written without waiting for more.
const WRITE: usize = 4 * 1024;
/// The most that waits to be written to one connection, in bytes; no message is larger.
const BACKLOG: usize = 8 * 1024 * 1024;

/// Upgrades a request to a connection.
pub fn upgrade(
    server: Arc<Server>,
    upgrade: WebSocketUpgrade,
    id: RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
) -> Response {
    let refused = |status, code, message: &str| failure(status, MediaType::Json, code, message, None);
    if !server.origins.allow(headers) {
        let message = "this page may not talk to the API: its origin is not allowed";
        return refused(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
    }
    let offered = headers.get_all("sec-websocket-protocol").iter();
    let mut offered = offered.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    if !offered.any(|protocol| protocol.trim() == PROTOCOL) {
        let message = "the WebSocket protocol is graphql-transport-ws";
        return refused(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message);
    }
    let slot = match server.streams.admit(address) {
        Ok(slot) => slot,
        Err(full) => return refuse(full),
    };
    let token = authorization(headers).map(str::to_owned);
    let opening = Opening { id, address, lang: lang(headers), token };
    upgrade
        .protocols([PROTOCOL])
        .max_message_size(limits::BODY)
        .max_frame_size(limits::BODY)
        .read_buffer_size(READ)
        .write_buffer_size(WRITE)
        .max_write_buffer_size(BACKLOG)
        .on_upgrade(move |socket| {
            // Boxed: each future that it is handed on to would have room for it.
            let connection = Box::new(Connection::new(server, socket, opening));
            async move {
                metrics::gauge!("ocpizza_websocket_connections").increment(1.0);
                connection.run().await;
                metrics::gauge!("ocpizza_websocket_connections").decrement(1.0);
                drop(slot);
            }
        })
}
