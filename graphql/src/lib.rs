//! The GraphQL API: types over the domain's states, HTTP and WebSocket, and the assembly of a
//! process. Decides nothing: commands go to the event store, reads to the projections.

mod access;
pub mod app;
pub mod as_of;
pub mod auth;
pub mod backup;
pub mod batching;
pub mod check;
pub mod clock;
mod completion;
pub mod config;
pub mod context;
pub mod demo;
pub mod error;
pub mod http;
pub mod ids;
pub mod inputs;
pub mod introspection;
pub mod labels;
pub mod loaders;
pub mod mail;
pub mod messages;
pub mod mutations;
pub mod operations;
pub mod payment;
pub mod personal_data;
pub mod private_postgres;
pub mod production;
pub mod queries;
pub mod requires;
pub mod scalars;
pub mod schema;
pub mod sealing;
pub mod simulate;
pub mod subscriptions;
pub mod supervision;
pub mod types;
