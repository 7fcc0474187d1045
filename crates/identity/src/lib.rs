//! Identity: accounts, sessions, passwords and attempt limits; contacts and their retention; the maintenance state and
//! the clock. Stores rows outside the log. Answers who a caller is; never decides what a caller may do (`domain`) or
//! anything about orders.
//!
//! Start at [`accounts`], then [`personal_data`]. May depend on `projections`, `transparency`, `event_store` and
//! `domain`.

pub mod accounts;
pub mod client_address;
pub mod clock;
pub mod expired_keys;
pub mod holders;
pub mod maintenance;
pub mod personal_data;
pub mod suppliers;
pub mod text;
