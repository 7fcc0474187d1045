//! The API's types, one file an entity. They wrap the domain's states, wherever those come from: a
//! read model's row, the outcome of a command, a subscription's fold.

pub mod account;
pub mod actions;
pub mod board;
pub mod closing;
pub mod contact;
pub mod contact_read;
pub mod courier_position;
pub mod delivery;
pub mod enums;
pub mod event;
pub mod maintenance;
pub mod menu;
pub(crate) mod menu_origin;
pub mod node;
pub mod order;
pub mod order_parts;
pub mod order_people;
pub mod page;
pub mod pizzeria;
pub mod quote;
pub mod sales;
pub mod seal;
pub mod staff;
pub mod stock;
pub mod user_error;
pub mod user_error_detail;
pub mod why;
