//! Refusals of an order. Values, never faults.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::events::{CancelReason, Missing};
use super::values::{Fulfilment, OrderChannel, OrderStatus, PaymentIntent, PaymentMethod};
use crate::ids::{IngredientCode, ItemCode};
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::pizzeria::UnpaidUnit;
use crate::usecase::RefusalCode;

/// Part of a line that a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinePart {
    /// The item.
    Item,
    /// The size.
    Size,
    /// Number of pieces.
    Quantity,
    /// The list of extras.
    Extras,
    /// One extra, by its index from 0.
    Extra(u32),
    /// One ingredient that is left out, by its index from 0.
    Without(u32),
}

/// Refusal by an order, or of a placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum OrderError {
    /// The order does not exist.
    #[error("no such order")]
    NotFound,
    /// An order with this id already exists.
    #[error("the order already exists")]
    AlreadyPlaced,
    /// The order has no lines.
    #[error("an order must have at least one line")]
    EmptyOrder,
    /// The order has more lines, pieces or extras than allowed.
    #[error("an order may have at most {max} {what}")]
    TooLarge {
        /// Unit of the limit, in the plural.
        what: Cow<'static, str>,
        /// The limit.
        max: u32,
    },
    /// The quantity is 0.
    #[error("a quantity must be 1 to {max}")]
    InvalidQuantity {
        /// The most pieces that one line may have.
        max: u32,
    },
    /// Refusal of one requested line.
    #[error("line {index}, {part:?}: {error}")]
    Line {
        /// Index of the requested line, from 0.
        index: u32,
        /// The part of the line.
        part: LinePart,
        /// The refusal.
        error: Box<OrderError>,
    },
    /// A customer orders on the web only.
    #[error("a customer orders on the web, not by {channel:?}")]
    ChannelNotAllowed {
        /// The requested value.
        channel: OrderChannel,
    },
    /// The payment intent does not fit the fulfilment: at the counter for a delivery, or to a courier without
    /// one.
    #[error("payment {payment:?} does not fit fulfilment {fulfilment:?}")]
    PaymentNotAllowed {
        /// The requested value.
        payment: PaymentIntent,
        /// The requested value.
        fulfilment: Fulfilment,
    },
    /// The reason is reserved for the pizzeria.
    #[error("a customer may not cancel with reason {reason:?}")]
    ReasonNotAllowed {
        /// The requested value.
        reason: CancelReason,
    },
    /// The line is a drink or a dessert, which is not baked.
    #[error("line {line} is not a pizza")]
    NotBaked {
        /// The requested value.
        line: u32,
    },
    /// The item is not on the menu.
    #[error("{item} is not on the menu")]
    UnknownItem {
        /// The requested value.
        item: ItemCode,
    },
    /// The size is missing, not sold, or given for a drink or a dessert.
    #[error("{item} is not sold in that size")]
    UnknownSize {
        /// The item.
        item: ItemCode,
        /// The requested value.
        size: Option<PizzaSize>,
    },
    /// The code is not an extra, or the item is not a pizza.
    #[error("{extra} is not an extra for {item}")]
    UnknownExtra {
        /// The item.
        item: ItemCode,
        /// The requested value.
        extra: IngredientCode,
    },
    /// The ingredient is not in the recipe, or cannot be left out (dough, box).
    #[error("{ingredient} cannot be left out of {item}")]
    UnknownIngredient {
        /// The item.
        item: ItemCode,
        /// The requested value.
        ingredient: IngredientCode,
    },
    /// The pizzeria has blocked the item for now.
    #[error("{item} is not available for now")]
    ItemBlocked {
        /// The item.
        item: ItemCode,
    },
    /// The menu has no VAT rate for its class today, so it has no price.
    #[error("{item} has no VAT rate for now")]
    NoVatRate {
        /// The item.
        item: ItemCode,
    },
    /// The pizzeria is outside its opening hours, or paused.
    #[error("the pizzeria is closed")]
    PizzeriaClosed,
    /// A delivery needs an address.
    #[error("a delivery needs an address with its latitude and longitude")]
    AddressRequired,
    /// The address is outside the delivery area.
    #[error("{distance_m} m is outside the delivery area of {radius_m} m")]
    OutOfDeliveryArea {
        /// Distance to the customer, in metres.
        distance_m: u32,
        /// The pizzeria's radius, in metres.
        radius_m: u32,
    },
    /// The subtotal is below the delivery minimum.
    #[error("{subtotal} is below the minimum of {minimum}")]
    BelowMinimum {
        /// Subtotal of the lines.
        subtotal: Cents,
        /// The pizzeria's minimum.
        minimum: Cents,
    },
    /// The stock does not suffice.
    #[error("not enough stock")]
    InsufficientStock {
        /// Every missing ingredient.
        missing: Vec<Missing>,
    },
    /// The total is not the one the caller expected.
    #[error("the total is {actual}, not {expected}")]
    PriceChanged {
        /// The expected total.
        expected: Cents,
        /// The actual total.
        actual: Cents,
    },
    /// It is too late: preparation has started.
    #[error("too late: the order is {status:?}")]
    TooLate {
        /// Current status.
        status: OrderStatus,
    },
    /// The order is closed; only payments can follow.
    #[error("the order is closed: {status:?}")]
    AlreadyClosed {
        /// Current status.
        status: OrderStatus,
    },
    /// The current state does not allow the command.
    #[error("not possible while the order is {status:?}")]
    WrongState {
        /// Current status.
        status: OrderStatus,
    },
    /// The order has no such line.
    #[error("the order has no line {line}")]
    UnknownLine {
        /// The requested value.
        line: u32,
    },
    /// An amount must be more than zero.
    #[error("an amount must be more than 0")]
    InvalidAmount,
    /// The payment provider declined.
    #[error("the payment was declined")]
    PaymentDeclined {
        /// Reason code of the provider.
        reason: String,
    },
    /// The amount exceeds what is due.
    #[error("{amount} is more than the {due} due")]
    Overpaid {
        /// The requested value.
        amount: Cents,
        /// Amount due.
        due: Cents,
    },
    /// The amount exceeds what was paid by that method.
    #[error("{amount} is more than the {refundable} that can be refunded")]
    OverRefund {
        /// The requested value.
        amount: Cents,
        /// Amount that can be refunded by that method.
        refundable: Cents,
    },
    /// The order must be paid first.
    #[error("{due} is still due")]
    NotPaid {
        /// Amount due.
        due: Cents,
    },
    /// No payment provider is configured.
    #[error("no payment provider is configured, so that online payment is not possible")]
    OnlinePaymentUnavailable,
    /// Too many declined payments of this order, or by this account within the hour; the provider was not
    /// asked.
    #[error("{max} payments were declined")]
    TooManyDeclines {
        /// The limit.
        max: u32,
    },
    /// The account holds too many unpaid goods for one whose e-mail address is not verified.
    #[error("an account holds at most {max} unpaid {} before its address is verified", what.as_str())]
    VerificationRequired {
        /// The exceeded unit.
        what: UnpaidUnit,
        /// The limit.
        max: u32,
    },
    /// The customer holds too many unpaid goods.
    #[error("a customer holds at most {max} unpaid {}", what.as_str())]
    UnpaidLimit {
        /// The exceeded unit.
        what: UnpaidUnit,
        /// The limit.
        max: u32,
    },
    /// The pizzeria closes before the order would be ready.
    #[error("the pizzeria closes at {closes_at}, before {promised_at}")]
    ClosesTooSoon {
        /// Closing time.
        closes_at: DateTime<Utc>,
        /// Time that would be promised.
        promised_at: DateTime<Utc>,
    },
    /// The stock does not suffice; the refusal is not stored, because the caller had many within the hour.
    #[error("not enough stock")]
    RefusalNotStored {
        /// Every missing ingredient.
        missing: Vec<Missing>,
    },
    /// Only the payment provider moves `ONLINE` money; it is never recorded or refunded by hand.
    #[error("{} payments are recorded by the payment provider only, not by hand", method.as_str())]
    MethodNotAllowed {
        /// The requested value.
        method: PaymentMethod,
    },
    /// The deadline of an unpaid order has not passed.
    #[error("the order has not expired")]
    NotExpired,
}

impl OrderError {
    /// Returns the refusal without its line.
    pub fn what(&self) -> &Self {
        match self {
            Self::Line { error, .. } => error.what(),
            error => error,
        }
    }

    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self.what() {
            Self::InvalidQuantity { .. } | Self::Line { .. } => C::InvalidInput,
            Self::ChannelNotAllowed { .. } => C::ChannelNotAllowed,
            Self::PaymentNotAllowed { .. } => C::PaymentNotAllowed,
            Self::ReasonNotAllowed { .. } => C::ReasonNotAllowed,
            Self::NotBaked { .. } => C::NotBaked,
            Self::NotFound => C::NotFound,
            Self::AlreadyPlaced => C::AlreadyExists,
            Self::EmptyOrder => C::EmptyOrder,
            Self::TooLarge { .. } => C::OrderTooLarge,
            // An item without a VAT rate cannot be sold: for a customer it is not on the menu.
            Self::UnknownItem { .. } | Self::UnknownSize { .. } | Self::NoVatRate { .. } => C::UnknownPizza,
            Self::UnknownExtra { .. } => C::UnknownExtra,
            Self::UnknownIngredient { .. } => C::UnknownIngredient,
            Self::ItemBlocked { .. } => C::PizzaBlocked,
            Self::PizzeriaClosed | Self::ClosesTooSoon { .. } => C::PizzeriaClosed,
            Self::AddressRequired => C::AddressRequired,
            Self::OutOfDeliveryArea { .. } => C::OutOfDeliveryArea,
            Self::BelowMinimum { .. } => C::BelowMinimum,
            Self::InsufficientStock { .. } | Self::RefusalNotStored { .. } => C::InsufficientStock,
            Self::PriceChanged { .. } => C::PriceChanged,
            Self::TooLate { .. } => C::TooLate,
            Self::AlreadyClosed { .. } => C::AlreadyClosed,
            Self::WrongState { .. } => C::WrongState,
            Self::UnknownLine { .. } => C::UnknownLine,
            Self::InvalidAmount => C::InvalidAmount,
            Self::PaymentDeclined { .. } => C::PaymentDeclined,
            Self::Overpaid { .. } => C::Overpaid,
            Self::OverRefund { .. } => C::OverRefund,
            Self::NotPaid { .. } => C::NotPaid,
            Self::MethodNotAllowed { .. } => C::PaymentMethodNotAllowed,
            Self::OnlinePaymentUnavailable => C::OnlinePaymentUnavailable,
            Self::TooManyDeclines { .. } => C::TooManyDeclines,
            Self::VerificationRequired { .. } => C::VerificationRequired,
            Self::UnpaidLimit { .. } => C::UnpaidLimit,
            Self::NotExpired => C::NotExpired,
        }
    }
}
