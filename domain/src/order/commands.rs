//! Commands to one order. Time and ids come with them. A command that also touches the stock is a use case
//! (`domain::usecase`).

use chrono::{DateTime, Utc};

use super::events::{AskedLine, CancelReason, Missing, Placement};
use super::sold::LinesChange;
use super::values::{OrderChannel, PaymentMethod};
use crate::delivery::DeliveryFailure;
use crate::ids::{CustomerId, OrderId, PizzeriaId, StaffId};
use crate::money::Cents;
use crate::note::NoteRef;

/// Answer of the payment provider, or the reason why it was not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlinePayment {
    /// The payment was accepted.
    Accepted {
        /// Reference of the provider.
        reference: String,
    },
    /// The payment was declined.
    Declined {
        /// Reason code of the provider.
        reason: String,
    },
    /// No provider is configured.
    Unavailable,
    /// The provider was not asked: too many payments by this account were declined within the hour.
    Barred {
        /// The limit.
        max: u32,
    },
}

/// Command to one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// Accept a priced order whose stock is being reserved.
    Place {
        /// The placement.
        placement: Box<Placement>,
        /// Total that the caller expects, if given.
        expected_total: Option<Cents>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Record that an order was refused for want of stock.
    Refuse {
        /// Id of the refused order.
        order: OrderId,
        /// The pizzeria.
        pizzeria: PizzeriaId,
        /// Channel through which it was placed.
        channel: OrderChannel,
        /// The customer, if they have an account.
        customer: Option<CustomerId>,
        /// Requested lines.
        asked: Vec<AskedLine>,
        /// Total of the refused order.
        total: Cents,
        /// Missing ingredients.
        missing: Vec<Missing>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Change the lines.
    ChangeLines {
        /// What becomes of the lines.
        change: LinesChange,
        /// The revised promise, if the order grows.
        promised_at: Option<DateTime<Utc>>,
        /// New notes on lines.
        notes: Vec<NoteRef>,
        /// Numbers of the lines whose note ends.
        unnoted: Vec<u32>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Cancel.
    Cancel {
        /// Reason.
        reason: CancelReason,
        /// Whether the caller may cancel started and uncollected orders (managers).
        even_started: bool,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Expire an unpaid online order whose deadline has passed.
    Expire {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Record a payment.
    RecordPayment {
        /// Payment method.
        method: PaymentMethod,
        /// Amount; more than zero.
        amount: Cents,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Record the provider's answer to a payment of the amount due.
    PayOnline {
        /// Answer of the provider.
        outcome: OnlinePayment,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Refund money.
    Refund {
        /// Payment method.
        method: PaymentMethod,
        /// Amount; more than zero.
        amount: Cents,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Start preparation.
    StartPreparation {
        /// Who prepares it; `None` when the system starts it.
        by: Option<StaffId>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Mark a line as baked.
    MarkItemBaked {
        /// The line's number, from 1.
        line: u32,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Everything is ready.
    MarkReady {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Hand over a takeaway or on-site order.
    HandOver {
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// A courier left with it; decided with the step of its delivery.
    MarkOutForDelivery {
        /// When the delivery's step was taken.
        now: DateTime<Utc>,
    },
    /// It was delivered; decided likewise.
    MarkDelivered {
        /// When the delivery's step was taken.
        now: DateTime<Utc>,
    },
    /// It could not be delivered; decided likewise.
    MarkNotDelivered {
        /// Reason.
        reason: DeliveryFailure,
        /// When the delivery's step was taken.
        now: DateTime<Utc>,
    },
    /// It was returned; decided likewise.
    MarkReturned {
        /// When the delivery's step was taken.
        now: DateTime<Utc>,
    },
}
