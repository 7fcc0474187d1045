//! The API's types, one file an entity. They wrap the domain's states, wherever those come from: a
//! read model's row, the outcome of a command, a subscription's fold.

pub mod actions;
pub mod courier_position;
pub mod enums;
pub mod order;
pub mod user_error;
