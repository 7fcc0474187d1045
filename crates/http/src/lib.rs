//! GraphQL over HTTP and WebSocket, and the paths that operators ask. Knows the schema, no domain rule.

// The futures of the root objects nest deeper than the default limit.
#![recursion_limit = "256"]

pub mod admission;
pub mod browser;
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
mod maintenance;
pub mod negotiation;
pub mod operation_log;
pub mod origins;
pub mod persisted_documents;
mod places;
pub mod rate_limit;
pub mod request;
pub mod request_id;
pub mod router;
mod session;
mod sse;
mod subscribe;
pub mod websocket;
