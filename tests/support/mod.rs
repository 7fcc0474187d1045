//! What the tests stand on: a private Postgres for the run, and a database of its own for each test.

pub mod database;
pub mod eventually;

pub use database::Database;
pub use eventually::{DEADLINE, eventually, within};
