//! Access control, limits against attackers, and erasure of personal data.

mod abuse;
mod access;
mod account_takeover;
mod attempt_limits;
mod contact_reads;
mod erasure;
mod free_text;
mod logs;
mod matrix;
mod privacy;
mod rate_limits;
mod sessions;
mod threat_model;
mod totp;
mod unverified_addresses;
mod visibility;
