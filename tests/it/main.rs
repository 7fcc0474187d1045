//! What can only be tested on a real Postgres, and from outside.

#![allow(clippy::unwrap_used, clippy::expect_used)] // tests fail by panicking

mod api;
mod cli;
mod log;
mod operations;
mod protocol;
mod read_models;
mod security;
