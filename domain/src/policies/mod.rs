//! Policies: pure rules from an event to the use cases that follow. A reactor runs [`ALL`] over the log, in
//! its order; a policy never stores or looks up anything.

pub mod delivery_scheduling;
pub mod delivery_tracking;
pub mod promise;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::delivery::DeliveryError;
use crate::event::Event;
use crate::stream::{StreamId, StreamType};
use crate::usecase::{Refusal, UseCase};

/// Rule that a reactor runs.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Name of its checkpoint.
    pub name: &'static str,
    /// Type of the streams that it follows.
    pub follows: StreamType,
    /// Where it starts on a log that is older than the policy.
    pub starts: Start,
    /// Returns the use cases that follow from an event; most events have none.
    pub follow: fn(&StreamId, &Event) -> Vec<Arc<dyn UseCase>>,
}

/// Where a policy starts on a log that is older than the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// At the first event: its commands bring old streams to the state in which new ones end.
    Beginning,
    /// After the last event at the time of `migrate`: it never acts on history. Required of a policy whose commands have an
    /// effect outside the database, such as a message or money.
    WhenIntroduced,
}

/// Every policy that a reactor runs.
pub const ALL: &[Policy] = &[
    Policy {
        name: "delivery_scheduling",
        follows: StreamType::Order,
        starts: Start::Beginning,
        follow: delivery_scheduling::follow,
    },
    Policy {
        name: "delivery_tracking",
        follows: StreamType::Delivery,
        starts: Start::Beginning,
        follow: delivery_tracking::follow,
    },
];

/// Whether a refusal means that the step was already taken, so that a rerun is harmless. Any other refusal of
/// a policy's use case deserves a warning; a retry would be refused again.
pub fn already_done(refusal: &Refusal) -> bool {
    matches!(refusal, Refusal::Delivery(DeliveryError::AlreadyScheduled))
}
