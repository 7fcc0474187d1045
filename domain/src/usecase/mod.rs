//! Use cases: commands over one or several aggregates, decided as one.
//!
//! A [`UseCase`] names the streams that it needs and decides over their states. The event store loads the
//! states, appends the decision in one transaction, and decides again if a concurrent command advanced a
//! stream. So `decide` must be pure, and may run more than once.

mod changing;
mod conditions;
mod delivering;
mod managing;
mod noted;
mod ordering;
mod paying;
pub(crate) mod pricing;
mod quote;
mod refusal;
mod releasing;
mod single;
mod states;
mod stocking;
mod terms;

use std::fmt;

pub use changing::{ChangeOrderLines, LineEdits};
pub use conditions::{Bound, Conditions};
pub use delivering::{AssignDelivery, CatchUpWithDelivery, ScheduleDelivery, ToDelivery};
pub use managing::{ManageStaff, StaffChange};
pub use noted::Noted;
pub use ordering::{CancelOrder, ExpireOrder, PlaceOrder, StartPreparation};
pub use paying::{RecordPayment, carries};
pub use quote::{Basket, BasketLine, Quote, quote};
pub use refusal::{Refusal, RefusalCode};
pub use releasing::ReleaseUnpaidOrders;
pub use single::{ToClosing, ToCustomer, ToMenu, ToOrder, ToPizzeria, ToStaff};
pub use states::States;
pub use stocking::{ToStock, TransferStock};
pub use terms::Terms;

use crate::event::Event;
use crate::stream::StreamId;

/// Decision of a use case: events, and a refusal if one of them records it (`OrderRefused`,
/// `PaymentDeclined`, `WrongCodeGiven`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// Events in order, each with its stream.
    pub events: Vec<(StreamId, Event)>,
    /// Refusal that the caller is told besides the events.
    pub refusal: Option<Refusal>,
}

impl Decision {
    /// Returns a decision with the events of one stream.
    pub fn on<E: Into<Event>>(stream: StreamId, events: Vec<E>) -> Self {
        Self::default().and(stream, events)
    }

    /// Adds the events of another stream.
    #[must_use]
    pub fn and<E: Into<Event>>(mut self, stream: StreamId, events: Vec<E>) -> Self {
        self.events.extend(events.into_iter().map(|event| (stream.clone(), event.into())));
        self
    }

    /// Adds the refusal that one of the events records.
    #[must_use]
    pub fn refusing_as_recorded(mut self) -> Self {
        self.refusal = self.events.iter().find_map(|(_, event)| Refusal::recorded_by(event));
        self
    }
}

/// Command to the domain.
pub trait UseCase: fmt::Debug + Send + Sync {
    /// Returns the command's name as stored with its events, such as `placeOrder`.
    fn name(&self) -> &'static str;

    /// Returns the streams needed, its subject first. Called again with the states loaded so far, because an
    /// order names its stock; it must settle after a few calls.
    fn streams(&self, states: &States<'_>) -> Vec<StreamId>;

    /// Returns the stream that begins with this command under a new id, which need not be loaded. If it
    /// exists after all, storing the decision fails.
    fn begins(&self) -> Option<StreamId> {
        None
    }

    /// Returns the decision over the states of those streams.
    ///
    /// # Errors
    /// A [`Refusal`] if nothing is to be stored.
    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal>;
}
