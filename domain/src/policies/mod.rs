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
use crate::stream::StreamId;
use crate::usecase::{Refusal, UseCase};

/// From one event of a stream to the use cases that follow; most events ask for none.
pub type Policy = fn(&StreamId, &Event) -> Vec<Arc<dyn UseCase>>;

/// Every policy that a reactor runs, with the name its checkpoint is kept under.
pub const ALL: &[(&str, Policy)] =
    &[("delivery_scheduling", delivery_scheduling::follow), ("delivery_tracking", delivery_tracking::follow)];

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
