//! The state of an order, folded from its events. Impossible states do not compile.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::events::{CancelReason, Missing, OrderEvent, Pricing};
use super::values::{Fulfilment, OrderChannel, OrderLine, OrderStatus, Payment, PaymentIntent, Promise};
use crate::delivery::DeliveryFailure;
use crate::ids::{ContactId, CustomerId, OrderId, PizzeriaId};
use crate::ingredients::Ingredients;
use crate::money::Cents;
use crate::note::{NotePurpose, NoteRef};

/// Where an accepted order stands, with what only that state has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Progress {
    /// To be paid online by then.
    AwaitingPayment {
        /// The deadline.
        expires_at: DateTime<Utc>,
    },
    /// Accepted.
    Placed {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Being made.
    InPreparation {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// Made.
    Ready {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// With a courier.
    OutForDelivery {
        /// Since when.
        since: DateTime<Utc>,
    },
    /// At the customer's.
    Delivered {
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier could not deliver it.
    NotDelivered {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        reason: DeliveryFailure,
    },
    /// Back at the pizzeria.
    Returned {
        /// When.
        at: DateTime<Utc>,
    },
    /// Handed over at the counter.
    HandedOver {
        /// When.
        at: DateTime<Utc>,
    },
    /// Cancelled.
    Cancelled {
        /// When.
        at: DateTime<Utc>,
        /// Why.
        reason: CancelReason,
        /// Whether preparation had started: then its ingredients are waste.
        was_started: bool,
    },
    /// Not paid in time.
    Expired {
        /// When.
        at: DateTime<Utc>,
    },
}

/// An order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOrder {
    /// Its id.
    pub id: OrderId,
    /// Its number, `P1-000042`.
    pub number: String,
    /// Where it is made.
    pub pizzeria: PizzeriaId,
    /// How it came in.
    pub channel: OrderChannel,
    /// How it leaves.
    pub fulfilment: Fulfilment,
    /// Whose it is, if they have an account.
    pub customer: Option<CustomerId>,
    /// The row of personal data.
    pub contact: Option<ContactId>,
    /// To the door, in metres.
    pub distance_m: Option<u32>,
    /// The four digits that the customer tells the courier.
    pub delivery_code: Option<String>,
    /// The lines that hold.
    pub lines: Vec<OrderLine>,
    /// What they need from the stock.
    pub needs: Ingredients,
    /// The prices that hold.
    pub pricing: Pricing,
    /// The notes for the kitchen and the courier, on the order and on the lines that hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteRef>,
    /// The comment beside the reason of its cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_note: Option<NoteRef>,
    /// The comments of its refunds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refund_notes: Vec<NoteRef>,
    /// How the customer means to pay.
    pub payment: PaymentIntent,
    /// Every payment, oldest first.
    pub payments: Vec<Payment>,
    /// Captured less refunded.
    pub paid: Cents,
    /// Every promise, oldest first; never empty.
    pub promises: Vec<Promise>,
    /// Where it stands.
    pub progress: Progress,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When preparation began.
    pub started_at: Option<DateTime<Utc>>,
    /// When it was ready.
    pub ready_at: Option<DateTime<Utc>>,
    /// When a courier last left with it.
    pub out_at: Option<DateTime<Utc>>,
    /// When it reached the customer: delivered or handed over.
    pub completed_at: Option<DateTime<Utc>>,
}

impl PlacedOrder {
    /// The note of a purpose on a line, or on the order as a whole.
    pub fn note(&self, purpose: NotePurpose, line: Option<u32>) -> Option<&NoteRef> {
        self.notes.iter().find(|note| note.purpose == purpose && note.line == line)
    }
}

/// An order that was refused for want of stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrder {
    /// Its id.
    pub id: OrderId,
    /// Where.
    pub pizzeria: PizzeriaId,
    /// What was missing.
    pub missing: Vec<Missing>,
    /// When.
    pub at: DateTime<Utc>,
}

/// The state of an order's stream.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Order {
    /// Nothing has happened.
    #[default]
    NotPlaced,
    /// It was refused.
    Refused(RefusedOrder),
    /// It was accepted.
    Placed(Box<PlacedOrder>),
}

impl Order {
    /// The accepted order, if there is one.
    pub fn placed(&self) -> Option<&PlacedOrder> {
        match self {
            Self::Placed(order) => Some(order),
            Self::NotPlaced | Self::Refused(_) => None,
        }
    }

    /// Its status; none before placement.
    pub fn status(&self) -> Option<OrderStatus> {
        match self {
            Self::NotPlaced => None,
            Self::Refused(_) => Some(OrderStatus::Refused),
            Self::Placed(order) => Some(order.status()),
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &OrderEvent) {
        match (&mut *self, event) {
            (Self::NotPlaced, OrderEvent::OrderPlaced { placement, at }) => {
                *self = Self::Placed(Box::new(PlacedOrder::new(placement, *at)));
            }
            (Self::NotPlaced, OrderEvent::OrderRefused { order, pizzeria, missing, at, .. }) => {
                *self = Self::Refused(RefusedOrder {
                    id: *order,
                    pizzeria: pizzeria.clone(),
                    missing: missing.clone(),
                    at: *at,
                });
            }
            (Self::Placed(order), event) => order.evolve(event),
            (Self::NotPlaced | Self::Refused(_), _) => {}
        }
    }
}
