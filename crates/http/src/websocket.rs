//! `GET /graphql` with a WebSocket upgrade: a server of the protocol `graphql-transport-ws`
//! (<https://github.com/enisdenjo/graphql-ws/blob/master/PROTOCOL.md>). async-graphql's server does not reject an id in
//! use, sends request errors as results, and does not detect clients that are gone.

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

use self::connection::{Connection, Handshake};
use super::admission::refuse;
use super::api::{authorization, lang};
use super::negotiation::MediaType;
use super::reply::failure;
use super::request_id::RequestId;
use super::state::Server;

/// The only supported sub-protocol.
const PROTOCOL: &str = "graphql-transport-ws";
/// Read buffer of a connection: small, because connections are many and most messages short. A longer message is read in
/// parts.
const READ_BUFFER_BYTES: usize = 512;
/// Number of buffered bytes from which on they are written.
const WRITE_BUFFER_BYTES: usize = 4 * 1024;
/// Upper bound on unwritten bytes of a connection, and so on a message.
const MAX_WRITE_BUFFER_BYTES: usize = 8 * 1024 * 1024;

/// Upgrades a request to a WebSocket.
pub fn upgrade(
    server: Arc<Server>,
    upgrade: WebSocketUpgrade,
    id: RequestId,
    address: ClientAddress,
    headers: &HeaderMap,
) -> Response {
    let refused = |status, code, message: &str| failure(status, MediaType::Json, code, message, None);
    if !server.origins.allow(headers) {
        let message = "the origin of this page may not call the API";
        return refused(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message);
    }
    let upgrade = upgrade.protocols([PROTOCOL]);
    if upgrade.selected_protocol().is_none() {
        let message = "Sec-WebSocket-Protocol must contain graphql-transport-ws";
        return refused(StatusCode::BAD_REQUEST, ErrorCode::BadUserInput, message);
    }
    let slot = match server.streams.admit(address) {
        Ok(slot) => slot,
        Err(full) => return refuse(full),
    };
    let token = authorization(headers).map(str::to_owned);
    let handshake = Handshake { id, address, lang: lang(headers), token };
    upgrade
        .max_message_size(limits::MAX_BODY_BYTES)
        .max_frame_size(limits::MAX_BODY_BYTES)
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_WRITE_BUFFER_BYTES)
        .on_upgrade(move |socket| {
            // Boxed: otherwise each future that it is passed to would reserve its size.
            let connection = Box::new(Connection::new(server, socket, handshake));
            async move {
                metrics::gauge!("ocpizza_websocket_connections").increment(1.0);
                connection.run().await;
                metrics::gauge!("ocpizza_websocket_connections").decrement(1.0);
                drop(slot);
            }
        })
}
