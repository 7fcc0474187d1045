//! GraphQL over HTTP, server-sent events and WebSocket, and the endpoints for operators. Contains no domain rule.

// The futures of the root objects nest deeper than the default limit.
#![recursion_limit = "256"]

pub mod admission;
pub mod api;
pub mod browser;
pub mod check;
pub mod client_address;
pub mod connections;
pub mod cost;
pub mod document_cache;
pub mod endpoint;
pub mod examples;
pub mod execute;
mod framing;
pub mod graphiql;
pub mod health;
pub mod negotiation;
pub mod operation_log;
pub mod operation_stream;
pub mod origins;
pub mod persisted_documents;
mod places;
pub mod rate_limit;
mod refusal;
mod reply;
pub mod request;
pub mod request_id;
pub mod router;
mod session;
mod sse;
pub mod state;
mod subscribe;
pub mod websocket;
