//! What can be asked of one order. What touches the stock too is a use case (`domain::usecase`).

use chrono::{DateTime, Utc};

use super::events::{AskedLine, CancelReason, Missing, Placement, Pricing};
use super::values::{OrderChannel, OrderLine, PaymentMethod};
use crate::delivery::DeliveryFailure;
use crate::ids::{CustomerId, OrderId, PizzeriaId};
use crate::ingredients::Ingredients;
use crate::money::Cents;

/// What the payment service answered, or why it was not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnlinePayment {
    /// It took the money.
    Accepted {
        /// Its reference.
        reference: String,
    },
    /// It did not.
    Declined {
        /// Its reason code.
        reason: String,
    },
    /// It was not asked: no provider is configured.
    Unavailable,
    /// It was not asked: too many payments by this account were declined within the hour.
    Barred {
        /// The bound.
        max: u32,
    },
}

/// A command to one order. Time and ids come with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderCommand {
    /// Accept a priced order whose stock is being reserved.
    Place {
        /// Everything that is frozen.
        placement: Box<Placement>,
        /// The total that the caller expects, if they said.
        expected_total: Option<Cents>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Record that an order could not be accepted for want of stock.
    Refuse {
        /// The id it would have had.
        order: OrderId,
        /// Where.
        pizzeria: PizzeriaId,
        /// How it came in.
        channel: OrderChannel,
        /// Who asked.
        customer: Option<CustomerId>,
        /// What was asked.
        asked: Vec<AskedLine>,
        /// What it would have come to.
        total: Cents,
        /// What was missing.
        missing: Vec<Missing>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Replace the lines.
    ChangeLines {
        /// The new lines, priced.
        lines: Vec<OrderLine>,
        /// What they need.
        needs: Ingredients,
        /// Their prices.
        pricing: Pricing,
        /// The revised promise.
        promised_at: DateTime<Utc>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Cancel.
    Cancel {
        /// Why.
        reason: CancelReason,
        /// Whether the caller may cancel once preparation has started, and what nobody collects (managers).
        even_started: bool,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Expire an unpaid online order whose deadline has passed.
    Expire {
        /// Now.
        now: DateTime<Utc>,
    },
    /// Record money taken.
    RecordPayment {
        /// How.
        method: PaymentMethod,
        /// How much; more than zero.
        amount: Cents,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Record what the payment service answered for all that is due.
    PayOnline {
        /// Its answer.
        outcome: OnlinePayment,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Give money back.
    Refund {
        /// How.
        method: PaymentMethod,
        /// How much; more than zero.
        amount: Cents,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Begin.
    StartPreparation {
        /// Now.
        now: DateTime<Utc>,
    },
    /// A line is out of the oven.
    MarkItemBaked {
        /// The line's number, from 1.
        line: u32,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Everything is ready.
    MarkReady {
        /// Now.
        now: DateTime<Utc>,
    },
    /// Give a takeaway or on-site order to the customer.
    HandOver {
        /// Now.
        now: DateTime<Utc>,
    },
    /// A courier left with it (from the delivery, by reactor).
    MarkOutForDelivery {
        /// When.
        now: DateTime<Utc>,
    },
    /// It was delivered (from the delivery, by reactor).
    MarkDelivered {
        /// When.
        now: DateTime<Utc>,
    },
    /// It could not be delivered (from the delivery, by reactor).
    MarkNotDelivered {
        /// Why.
        reason: DeliveryFailure,
        /// When.
        now: DateTime<Utc>,
    },
    /// It came back for good (from the delivery, by reactor).
    MarkReturned {
        /// When.
        now: DateTime<Utc>,
    },
}
