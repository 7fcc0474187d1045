//! GraphQL over HTTP and WebSocket, and the paths that operators ask. Knows the schema, no domain rule.

pub mod admission;
pub mod browser;
pub mod client_address;
pub mod connections;
pub mod documents;
pub mod execute;
mod framing;
pub mod graphiql;
pub mod graphql;
pub mod health;
pub mod limits;
pub mod negotiation;
pub mod origins;
pub(crate) mod parsed;
mod places;
pub mod rate_limit;
pub mod request;
pub mod request_id;
pub mod router;
mod session;
mod sse;
mod subscribe;
pub mod websocket;
