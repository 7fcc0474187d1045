//! Tests through HTTP, WebSocket and the command line on a real PostgreSQL, one module a subject.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod api;
mod cli;
mod log;
mod operations;
mod protocol;
mod read_models;
mod security;
