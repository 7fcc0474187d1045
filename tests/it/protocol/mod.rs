//! HTTP, server-sent events and WebSocket: the promises of each transport.

mod bad_requests;
mod connection_limits;
mod documents;
mod framing;
mod graphiql;
mod http;
mod origins;
mod response_headers;
pub mod resume;
mod sse;
mod subscriptions;
mod websocket;
mod websocket_limits;
