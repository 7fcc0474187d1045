//! Why an order refuses a command.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::events::{CancelReason, Missing};
use super::values::{Fulfilment, OrderChannel, OrderStatus, PaymentIntent, PaymentMethod};
use crate::ids::{IngredientCode, ItemCode};
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::pizzeria::UnpaidUnit;

/// The part of a line that a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinePart {
    /// The item.
    Item,
    /// Its size.
    Size,
    /// How many.
    Quantity,
    /// The extras, all of them.
    Extras,
    /// One extra, by its index from 0.
    Extra(u32),
    /// One ingredient that is left out, by its index from 0.
    Without(u32),
}

/// A refusal by an order, or by the placing of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum OrderError {
    /// There is no such order.
    #[error("no such order")]
    NotFound,
    /// An order with this id was placed before.
    #[error("the order exists already")]
    AlreadyPlaced,
    /// No lines.
    #[error("an order has at least one line")]
    EmptyOrder,
    /// More lines, or more of one thing, than one order may have.
    #[error("an order has at most {max} {what}")]
    TooLarge {
        /// Lines, or pieces of one line.
        what: Cow<'static, str>,
        /// The bound.
        max: u32,
    },
    /// A quantity that orders nothing.
    #[error("a quantity is 1 to {max}")]
    InvalidQuantity {
        /// The most pieces of one line.
        max: u32,
    },
    /// About one line of what was asked.
    #[error("line {index}, {part:?}: {error}")]
    Line {
        /// The line's index in what was asked, from 0.
        index: u32,
        /// What of it.
        part: LinePart,
        /// The refusal.
        error: Box<OrderError>,
    },
    /// A customer orders on the web only.
    #[error("a customer orders on the web, not by {channel:?}")]
    ChannelNotAllowed {
        /// As asked.
        channel: OrderChannel,
    },
    /// A way to pay that does not go with the fulfilment: at the counter for a delivery, to a courier without one.
    #[error("{payment:?} does not go with {fulfilment:?}")]
    PaymentNotAllowed {
        /// As asked.
        payment: PaymentIntent,
        /// As asked.
        fulfilment: Fulfilment,
    },
    /// A reason that only the pizzeria can have.
    #[error("a customer does not cancel for the reason {reason:?}")]
    ReasonNotAllowed {
        /// As asked.
        reason: CancelReason,
    },
    /// A drink or a dessert does not go through the oven.
    #[error("line {line} is not a pizza")]
    NotBaked {
        /// As asked.
        line: u32,
    },
    /// Not on the menu.
    #[error("{item} is not on the menu")]
    UnknownItem {
        /// As asked.
        item: ItemCode,
    },
    /// A pizza without a size, a drink with one, or a size that the pizza does not have.
    #[error("{item} is not sold in that size")]
    UnknownSize {
        /// The item.
        item: ItemCode,
        /// As asked.
        size: Option<PizzaSize>,
    },
    /// Not an extra, or an extra on something that is not a pizza.
    #[error("{extra} is not an extra for {item}")]
    UnknownExtra {
        /// The item.
        item: ItemCode,
        /// As asked.
        extra: IngredientCode,
    },
    /// Not in the recipe, or never left out (dough, box).
    #[error("{ingredient} cannot be left out of {item}")]
    UnknownIngredient {
        /// The item.
        item: ItemCode,
        /// As asked.
        ingredient: IngredientCode,
    },
    /// The pizzeria has blocked it for now.
    #[error("{item} is not available for now")]
    ItemBlocked {
        /// The item.
        item: ItemCode,
    },
    /// Its class has no VAT rate today, so it has no price: the menu lacks one.
    #[error("{item} has no VAT rate for now")]
    NoVatRate {
        /// The item.
        item: ItemCode,
    },
    /// Outside opening hours, or paused.
    #[error("the pizzeria is closed")]
    PizzeriaClosed,
    /// A delivery needs to know where to.
    #[error("a delivery needs an address with its latitude and longitude")]
    AddressRequired,
    /// Too far.
    #[error("{distance_m} m is outside the delivery area of {radius_m} m")]
    OutOfDeliveryArea {
        /// To the door, in metres.
        distance_m: u32,
        /// The pizzeria's radius, in metres.
        radius_m: u32,
    },
    /// Too little for a delivery.
    #[error("{subtotal} is below the minimum of {minimum}")]
    BelowMinimum {
        /// The lines, without the fee.
        subtotal: Cents,
        /// The pizzeria's minimum.
        minimum: Cents,
    },
    /// Not enough stock.
    #[error("not enough stock")]
    InsufficientStock {
        /// Every ingredient of which there is not enough.
        missing: Vec<Missing>,
    },
    /// The caller expected another total.
    #[error("the total is {actual}, not {expected}")]
    PriceChanged {
        /// What the caller expected.
        expected: Cents,
        /// What it is.
        actual: Cents,
    },
    /// Preparation has started.
    #[error("too late: the order is {status:?}")]
    TooLate {
        /// Where it stands.
        status: OrderStatus,
    },
    /// Nothing can happen to it any more.
    #[error("the order is closed: {status:?}")]
    AlreadyClosed {
        /// Where it stands.
        status: OrderStatus,
    },
    /// Not in this state.
    #[error("not possible while the order is {status:?}")]
    WrongState {
        /// Where it stands.
        status: OrderStatus,
    },
    /// No such line.
    #[error("the order has no line {line}")]
    UnknownLine {
        /// As asked.
        line: u32,
    },
    /// Amounts are more than zero.
    #[error("an amount is more than zero")]
    InvalidAmount,
    /// The payment service declined.
    #[error("the payment was declined")]
    PaymentDeclined {
        /// Its reason code.
        reason: String,
    },
    /// More than is due.
    #[error("{amount} is more than the {due} due")]
    Overpaid {
        /// As asked.
        amount: Cents,
        /// What is due.
        due: Cents,
    },
    /// More than was paid by that method.
    #[error("{amount} is more than the {refundable} that can be refunded")]
    OverRefund {
        /// As asked.
        amount: Cents,
        /// What can be given back by that method.
        refundable: Cents,
    },
    /// To be paid before it is handed over.
    #[error("{due} is still due")]
    NotPaid {
        /// What is due.
        due: Cents,
    },
    /// No payment provider is configured, so that nothing can be paid online.
    #[error("no payment provider is configured: nothing can be paid online")]
    OnlinePaymentUnavailable,
    /// Too many declined payments of this order, or by this account within the hour; the provider was not asked.
    #[error("{max} payments were declined")]
    TooManyDeclines {
        /// The bound.
        max: u32,
    },
    /// More unpaid goods than an account may hold whose e-mail address is not verified.
    #[error("an account holds at most {max} unpaid {} before its address is verified", what.as_str())]
    VerificationRequired {
        /// What there is too much of.
        what: UnpaidUnit,
        /// The bound.
        max: u32,
    },
    /// More unpaid goods than one customer may hold.
    #[error("a customer holds at most {max} unpaid {}", what.as_str())]
    UnpaidLimit {
        /// What there is too much of.
        what: UnpaidUnit,
        /// The bound.
        max: u32,
    },
    /// Open now, and closed before the order would be ready.
    #[error("the pizzeria closes at {closes_at}, before {promised_at}")]
    ClosesTooSoon {
        /// When the pizzeria closes.
        closes_at: DateTime<Utc>,
        /// When the order would be promised for.
        promised_at: DateTime<Utc>,
    },
    /// Not enough stock, and not stored as a refusal: there were many within the hour.
    #[error("not enough stock")]
    RefusalNotStored {
        /// Every ingredient of which there is not enough.
        missing: Vec<Missing>,
    },
    /// `ONLINE` money moves through the payment provider alone; it is neither recorded nor given back by hand.
    #[error("{} is what the payment provider says, and is not recorded by hand", method.as_str())]
    MethodNotAllowed {
        /// As asked.
        method: PaymentMethod,
    },
    /// The deadline of an unpaid order has not passed.
    #[error("the order has not expired")]
    NotExpired,
}

impl OrderError {
    /// The refusal itself, without the line that it is about.
    pub fn what(&self) -> &Self {
        match self {
            Self::Line { error, .. } => error.what(),
            error => error,
        }
    }
}
