//! Who may do and see what, what bounds an attacker, and what leaves no trace.

mod abuse;
mod access;
mod account_takeover;
mod attempt_limits;
mod contact_reads;
mod erasure;
mod logs;
mod matrix;
mod privacy;
mod rate_limits;
mod sessions;
mod threat_model;
mod totp;
mod unverified_addresses;
mod visibility;
