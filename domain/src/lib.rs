//! The rules of a group of pizzerias, as pure functions over events. No IO, no clock, no randomness, no async
//! runtime.
//!
//! Each aggregate is one folder of the same files: `commands`, `events`, `state` (with `evolve`), `decide`,
//! `error` and `tests`. A command over several aggregates is a [`usecase`]; a reaction to an event is a
//! policy in [`policies`].

#[macro_use]
mod coded;

pub mod access;
pub mod account;
mod aggregate;
pub mod closing;
pub mod customer;
pub mod delivery;
pub mod demo_data;
pub mod event;
pub mod ids;
pub mod ingredients;
pub mod menu;
pub mod money;
pub mod note;
pub mod order;
pub mod personal_data;
pub mod pizzeria;
pub mod policies;
pub mod staff;
pub mod stock;
pub mod stream;
#[cfg(test)]
mod testing;
pub mod upcasters;
pub mod usecase;
pub mod vat;
pub mod what_if;
pub mod why;

pub use aggregate::Aggregate;
pub use event::{Event, EventType};
pub use ids::LogPosition;
pub use ingredients::{Ingredients, Quantity};
pub use money::Cents;
pub use stream::{AggregateState, StreamId, StreamType};
