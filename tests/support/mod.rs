//! Fixtures of the tests: a private PostgreSQL per run, a database per test, the API in this process or in real
//! ones, and clients as frontends use them.

#![allow(clippy::expect_used)] // a test fails by panicking

pub mod api;
pub mod database;
pub mod demo;
pub mod events;
pub mod eventually;
pub mod log;
pub mod orders;
pub mod own_postgres;
pub mod processes;
pub mod raw_http;
pub mod raw_socket;
pub mod server;
pub mod websocket;

pub use api::{Answer, Api};
pub use database::Database;
pub use demo::{Demo, Shop};
pub use events::{Block, Events};
pub use eventually::{DEADLINE, eventually, within};
pub use own_postgres::OwnPostgres;
pub use raw_http::{RawAnswer, RawHttp};
pub use raw_socket::{Heard, RawSocket};
pub use websocket::{Item, Subscription};
