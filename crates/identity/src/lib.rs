//! Who calls, and what is kept about people: accounts, sessions, passwords, attempt limits and personal data; beside
//! them the maintenance state and the clock. Rows outside the log; decides nothing about orders.

pub mod accounts;
pub mod client_address;
pub mod clock;
pub mod expired_keys;
pub mod holders;
pub mod maintenance;
pub mod personal_data;
pub mod text;
