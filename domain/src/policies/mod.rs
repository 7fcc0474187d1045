//! What follows from a fact: pure rules, without state of their own. A reactor runs those of
//! [`ALL`] over the log, in the log's order; here nothing is stored or looked up.

pub mod delivery_scheduling;
pub mod delivery_tracking;
pub mod promise;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::delivery::DeliveryError;
use crate::event::Event;
use crate::order::OrderError;
use crate::stream::{StreamId, StreamType};
use crate::usecase::{Refusal, UseCase};

/// A rule that a reactor runs.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// The name that its checkpoint is kept under.
    pub name: &'static str,
    /// The kind of stream whose events may ask for something.
    pub follows: StreamType,
    /// From one event of a stream to the use cases that follow; most events ask for none.
    pub follow: fn(&StreamId, &Event) -> Vec<Arc<dyn UseCase>>,
}

/// Every policy that a reactor runs.
pub const ALL: &[Policy] = &[
    Policy { name: "delivery_scheduling", follows: StreamType::Order, follow: delivery_scheduling::follow },
    Policy { name: "delivery_tracking", follows: StreamType::Delivery, follow: delivery_tracking::follow },
];

/// Whether a refusal only says that the step was taken before, so that a rerun is harmless. Any other
/// refusal of a policy's use case is worth a warning; none is worth another try, because the domain
/// would answer the same.
pub fn already_done(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Delivery(DeliveryError::AlreadyScheduled)
            | Refusal::Order(OrderError::WrongState { .. } | OrderError::AlreadyClosed { .. })
    )
}
