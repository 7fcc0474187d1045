//! The API's types, one file per entity. They wrap the domain's states, whether loaded from a read model,
//! returned by a command or folded by a subscription.

pub mod account;
pub mod actions;
pub mod board;
pub mod closing;
pub mod comment;
pub mod contact;
pub mod contact_read;
pub mod courier_position;
pub mod delivery;
pub mod enums;
pub mod event;
pub mod event_filter;
pub mod maintenance;
pub mod menu;
pub(crate) mod menu_origin;
pub mod node;
pub mod order;
pub mod order_parts;
pub mod order_people;
mod order_state;
pub mod page;
pub mod pizzeria;
pub mod quote;
pub mod sales;
pub mod seal;
pub mod staff;
pub mod stock;
pub mod user_error;
pub mod user_error_code;
pub mod user_error_detail;
pub mod why;
