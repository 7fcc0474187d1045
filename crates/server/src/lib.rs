//! Assembles a process from the other crates: settings, start and stop, sealing, checks of a deployment. Decides nothing
//! and answers no request itself.

pub mod app;
pub mod check;
pub mod config;
pub mod destination;
pub mod production;
mod sampler;
pub mod sealing;
pub mod stand_ins;
