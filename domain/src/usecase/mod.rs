//! Use cases: what a caller asks for, over one or several aggregates, decided as one.
//!
//! A [`UseCase`] names the streams that it needs and decides over their states. The event store
//! loads the states, appends the decision in one transaction, and decides again when somebody else
//! was quicker; so `decide` is pure and may run more than once.

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

pub use conditions::{Bound, Conditions};
pub use delivering::{AssignDelivery, DeliveryStep, ScheduleDelivery, ToDelivery, TrackDelivery};
pub use managing::{ManageStaff, StaffChange};
pub use noted::{Noted, NotedLines};
pub use ordering::{CancelOrder, ChangeOrderLines, ExpireOrder, PlaceOrder, StartPreparation};
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

/// What was decided: events, each for a stream, and perhaps a refusal that is itself a stored fact
/// (`OrderRefused`, `PaymentDeclined`, `WrongCodeGiven`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decision {
    /// What happened, in order; several streams may be named.
    pub events: Vec<(StreamId, Event)>,
    /// What the caller is told, besides, when the answer is no.
    pub refusal: Option<Refusal>,
}

impl Decision {
    /// Events of one stream.
    pub fn on<E: Into<Event>>(stream: StreamId, events: Vec<E>) -> Self {
        Self::default().and(stream, events)
    }

    /// And these, of another stream.
    #[must_use]
    pub fn and<E: Into<Event>>(mut self, stream: StreamId, events: Vec<E>) -> Self {
        self.events.extend(events.into_iter().map(|event| (stream.clone(), event.into())));
        self
    }

    /// And the caller is told no, when one of the events records a refusal.
    #[must_use]
    pub fn refusing_as_recorded(mut self) -> Self {
        self.refusal = self.events.iter().find_map(|(_, event)| Refusal::recorded_by(event));
        self
    }
}

/// Something that can be asked of the domain.
pub trait UseCase: fmt::Debug + Send + Sync {
    /// The command's name as stored with its events, `placeOrder`.
    fn name(&self) -> &'static str;

    /// The streams needed, the one that it is about first. Called again with the states loaded so
    /// far, because an order's stream names the stock's; it must settle after a few calls.
    fn streams(&self, states: &States<'_>) -> Vec<StreamId>;

    /// A stream that begins with this command, under an id that was made for it: it need not be
    /// looked for. Should it exist after all, that is noticed when the decision is stored.
    fn begins(&self) -> Option<StreamId> {
        None
    }

    /// Decides over the states of those streams.
    ///
    /// # Errors
    /// A [`Refusal`] when nothing is to be stored.
    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal>;
}
