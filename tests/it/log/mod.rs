//! The event log below the API: appending, conflicts, sealing, exports.

pub mod append;
mod conflicts;
mod cqrs;
mod exports;
mod following;
mod past_states;
pub mod pizzas;
mod proofs;
mod rewinding;
pub mod sealing;
mod state_shapes;
mod tampering;
pub mod unreadable_events;
