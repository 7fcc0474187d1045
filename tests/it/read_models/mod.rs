//! Read models and reactors below the API.

mod bounded_reads;
mod completeness;
pub mod evening;
mod order_pages;
mod policies;
pub mod projections;
pub mod reactors;
mod rebuild;
pub mod takeover;
