//! State of an order, folded from its events. Impossible states do not compile; folding never fails.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::events::{CancelReason, Missing, OrderEvent};
use super::sold::Pricing;
use super::values::{Fulfilment, OrderChannel, OrderLine, OrderStatus, Payment, PaymentIntent, Promise};
use crate::delivery::DeliveryFailure;
use crate::ids::{ContactId, CustomerId, OrderId, PizzeriaId, StaffId};
use crate::ingredients::Ingredients;
use crate::money::Cents;
use crate::note::{NotePurpose, NoteRef};

/// Progress of an accepted order, with the data of each state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Progress {
    /// To be paid online before a deadline.
    AwaitingPayment {
        /// The deadline.
        expires_at: DateTime<Utc>,
    },
    /// Accepted.
    Placed {
        /// When it began.
        since: DateTime<Utc>,
    },
    /// Being made.
    InPreparation {
        /// When it began.
        since: DateTime<Utc>,
    },
    /// Made.
    Ready {
        /// When it began.
        since: DateTime<Utc>,
    },
    /// With a courier.
    OutForDelivery {
        /// When it began.
        since: DateTime<Utc>,
    },
    /// Delivered to the customer.
    Delivered {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The courier could not deliver it.
    NotDelivered {
        /// When it happened.
        at: DateTime<Utc>,
        /// Reason.
        reason: DeliveryFailure,
    },
    /// Back at the pizzeria.
    Returned {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Handed over at the counter.
    HandedOver {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Cancelled.
    Cancelled {
        /// When it happened.
        at: DateTime<Utc>,
        /// Reason.
        reason: CancelReason,
        /// Whether preparation had started, so that its ingredients are waste.
        was_started: bool,
    },
    /// Not paid in time.
    Expired {
        /// When it happened.
        at: DateTime<Utc>,
    },
}

/// An accepted order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacedOrder {
    /// Id.
    pub id: OrderId,
    /// Order number, such as `P1-000042`.
    pub number: String,
    /// The pizzeria that makes it.
    pub pizzeria: PizzeriaId,
    /// Channel through which it was placed.
    pub channel: OrderChannel,
    /// Fulfilment.
    pub fulfilment: Fulfilment,
    /// The customer, if they have an account.
    pub customer: Option<CustomerId>,
    /// The row of personal data.
    pub contact: Option<ContactId>,
    /// Distance to the customer, in metres.
    pub distance_m: Option<u32>,
    /// The four digits that the customer tells the courier, if a release that stored them placed the order.
    pub delivery_code: Option<String>,
    /// Current lines, by number.
    pub lines: Vec<OrderLine>,
    /// Highest number of a line that is gone, if no current line has a higher one; otherwise 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub last_line: u32,
    /// Needs as events of version 1 stored them; nothing reads them but processes of release 0.1, which expect the field in
    /// documents.
    #[serde(default)]
    pub needs: Ingredients,
    /// Current prices.
    pub pricing: Pricing,
    /// Minimum of the lines' total at placement, for a delivery, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Cents>,
    /// Notes for the kitchen and the courier, on the order and its current lines.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteRef>,
    /// Comment beside the reason of its cancellation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancel_note: Option<NoteRef>,
    /// Comments of its refunds, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refund_notes: Vec<NoteRef>,
    /// Payment intent of the customer.
    pub payment: PaymentIntent,
    /// Every payment, oldest first.
    pub payments: Vec<Payment>,
    /// Captured less refunded.
    pub paid: Cents,
    /// Every promise, oldest first; never empty.
    pub promises: Vec<Promise>,
    /// Progress, with the data of its state.
    pub progress: Progress,
    /// When it was placed.
    pub placed_at: DateTime<Utc>,
    /// When preparation began.
    pub started_at: Option<DateTime<Utc>>,
    /// Who prepares or prepared it, if that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prepared_by: Option<StaffId>,
    /// When it was ready.
    pub ready_at: Option<DateTime<Utc>>,
    /// When a courier last left with it.
    pub out_at: Option<DateTime<Utc>>,
    /// When it reached the customer: delivered or handed over.
    pub completed_at: Option<DateTime<Utc>>,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl PlacedOrder {
    /// Returns a current line.
    pub fn line(&self, number: u32) -> Option<&OrderLine> {
        self.lines.iter().find(|line| line.line == number)
    }

    pub(super) fn highest_line(&self) -> u32 {
        self.lines.iter().map(|line| line.line).max().unwrap_or_default()
    }

    /// Returns the number of the next new line.
    pub fn next_line(&self) -> u32 {
        self.highest_line().max(self.last_line).saturating_add(1)
    }

    /// Whether no line ever had a number.
    pub fn is_new_line(&self, number: u32) -> bool {
        number >= self.next_line()
    }

    /// Returns the note of a purpose on a line, or on the whole order.
    pub fn note(&self, purpose: NotePurpose, line: Option<u32>) -> Option<&NoteRef> {
        self.notes.iter().find(|note| note.purpose == purpose && note.line == line)
    }
}

/// An order that was refused for want of stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedOrder {
    /// Id.
    pub id: OrderId,
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// Missing ingredients.
    pub missing: Vec<Missing>,
    /// When.
    pub at: DateTime<Utc>,
}

/// State of an order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Order {
    /// The stream is empty.
    #[default]
    NotPlaced,
    /// It was refused.
    Refused(RefusedOrder),
    /// It was accepted.
    Placed(Box<PlacedOrder>),
}

impl Order {
    /// Returns the accepted order, if it was accepted.
    pub fn placed(&self) -> Option<&PlacedOrder> {
        match self {
            Self::Placed(order) => Some(order),
            Self::NotPlaced | Self::Refused(_) => None,
        }
    }

    /// Returns the status; `None` before placement.
    pub fn status(&self) -> Option<OrderStatus> {
        match self {
            Self::NotPlaced => None,
            Self::Refused(_) => Some(OrderStatus::Refused),
            Self::Placed(order) => Some(order.status()),
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &OrderEvent) {
        match self {
            Self::NotPlaced => self.begin(event),
            Self::Refused(_) => {}
            Self::Placed(order) => order.evolve(event),
        }
    }

    fn begin(&mut self, event: &OrderEvent) {
        match event {
            OrderEvent::OrderPlaced { placement, at } => {
                *self = Self::Placed(Box::new(PlacedOrder::new(placement, *at)));
            }
            OrderEvent::OrderRefused { order, pizzeria, missing, at, .. } => {
                *self = Self::Refused(RefusedOrder {
                    id: *order,
                    pizzeria: pizzeria.clone(),
                    missing: missing.clone(),
                    at: *at,
                });
            }
            OrderEvent::OrderLinesChanged { .. }
            | OrderEvent::OrderCancelled { .. }
            | OrderEvent::OrderExpired { .. }
            | OrderEvent::PaymentAuthorised { .. }
            | OrderEvent::PaymentCaptured { .. }
            | OrderEvent::PaymentDeclined { .. }
            | OrderEvent::PaymentRefunded { .. }
            | OrderEvent::PreparationStarted { .. }
            | OrderEvent::ItemBaked { .. }
            | OrderEvent::OrderReady { .. }
            | OrderEvent::OrderHandedOver { .. }
            | OrderEvent::OrderOutForDelivery { .. }
            | OrderEvent::OrderDelivered { .. }
            | OrderEvent::OrderNotDelivered { .. }
            | OrderEvent::OrderReturned { .. } => {}
        }
    }
}
