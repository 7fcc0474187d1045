//! The GraphQL API: types over the domain's states, inputs, resolvers and subscriptions. Decides nothing: commands go
//! to the event store, reads to the projections. Knows no HTTP.

// The layout of the root's futures nests deeper than the compiler's default of 128.
#![recursion_limit = "256"]

pub mod as_of;
pub mod batching;
pub mod context;
pub mod error;
mod field_access;
mod field_guard;
pub mod ids;
pub mod inputs;
pub mod introspection;
pub mod kitchen;
pub mod loaders;
pub mod mutations;
pub mod progress;
pub mod queries;
pub mod scalars;
pub mod schema;
pub mod subscriptions;
pub mod types;
