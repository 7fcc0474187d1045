//! Why an order refuses a command.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::events::Missing;
use super::values::OrderStatus;
use crate::ids::{IngredientCode, ItemCode};
use crate::menu::PizzaSize;
use crate::money::Cents;

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
    /// The deadline of an unpaid order has not passed.
    #[error("the order has not expired")]
    NotExpired,
}
