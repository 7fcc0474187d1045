//! What the API answers and stores, by subject of the domain.

pub mod accounts;
mod allergens;
pub mod bad_input;
mod closings;
pub mod deliveries;
mod first_director;
mod frontend;
mod idempotency;
mod interrupted_accounts;
mod kitchen;
mod languages;
mod lists;
mod menu;
mod notes;
mod object_ids;
mod order_limits;
mod order_lines;
mod orders;
mod payments;
mod races;
mod sales;
mod staff;
mod statement_counts;
mod stock;
mod time_travel;
pub mod why;
