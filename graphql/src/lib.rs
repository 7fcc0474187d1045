//! graphql

pub mod labels;
pub mod messages;
pub mod private_postgres;
