//! Online payment: the contract of a payment service provider (`provider`), payment intents (`intents`) and their
//! settlement (`settle`). Ensures that no charge is made twice or forgotten; never decides what an order owes.
//!
//! A request writes an intent before it charges and closes it once the order has captured or refunded the charge.
//! Any process settles an intent that its request left open. Start at [`PaymentService`], then read [`Settlement`].
//! May depend on `identity`, `event_store` and `domain`.

pub mod demo;
pub mod intents;
pub mod none;
mod provider;
pub mod settle;

pub use demo::{DECLINED_TOKEN, DemoPayments};
pub use none::NoPayments;
pub use provider::{Charge, ChargeStatus, PaymentService, PaymentUnavailable};
pub use settle::Settlement;
