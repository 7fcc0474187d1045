//! graphql

pub mod private_postgres;
