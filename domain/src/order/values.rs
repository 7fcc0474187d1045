//! Values of an order. Plain data, without rules of their own.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Quantity;
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::vat::{VatClass, VatRate};

/// Channel through which an order is placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderChannel {
    /// By the customer, on the web.
    Web,
    /// By telephone.
    Phone,
    /// At the counter.
    Counter,
}

/// How an order reaches the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fulfilment {
    /// Brought to the customer's door.
    Delivery,
    /// Collected by the customer.
    Takeaway,
    /// Eaten in the pizzeria.
    OnSite,
}

/// Payment intent of the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentIntent {
    /// Online, before preparation.
    Online,
    /// To the courier.
    OnDelivery,
    /// At the counter.
    AtCounter,
}

/// Payment method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMethod {
    /// Through the payment provider.
    Online,
    /// By card, on a terminal.
    Card,
    /// In cash.
    Cash,
    /// By cheque.
    Cheque,
    /// By meal voucher.
    MealVoucher,
}

impl PaymentMethod {
    /// Every method.
    pub const ALL: [Self; 5] = [Self::Online, Self::Card, Self::Cash, Self::Cheque, Self::MealVoucher];

    /// Returns the stored name, such as `MEAL_VOUCHER`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Online => "ONLINE",
            Self::Card => "CARD",
            Self::Cash => "CASH",
            Self::Cheque => "CHEQUE",
            Self::MealVoucher => "MEAL_VOUCHER",
        }
    }
}

/// Extra on a line, with its price at placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenExtra {
    /// The added ingredient.
    pub ingredient: IngredientCode,
    /// Quantity per pizza.
    pub quantity: Quantity,
    /// Price per pizza.
    pub price: Cents,
}

/// Line of an order, fixed at placement except for `baked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// Line number, from 1.
    pub line: u32,
    /// The item.
    pub item: ItemCode,
    /// Name at placement.
    pub name: String,
    /// Size, for a pizza.
    pub size: Option<PizzaSize>,
    /// Number of pieces, 1 to 99.
    pub quantity: u32,
    /// Extras.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<TakenExtra>,
    /// Ingredients left out; free of charge and not reserved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<IngredientCode>,
    /// Price of one piece, extras included.
    pub unit_price: Cents,
    /// `quantity` times `unit_price`.
    pub total: Cents,
    /// VAT class.
    pub vat_class: VatClass,
    /// VAT rate at placement.
    pub vat_rate: VatRate,
    /// Version of the menu from which recipe and price were taken.
    pub recipe_version: u32,
    /// Whether it is baked; false for drinks and desserts until the order is ready.
    #[serde(default)]
    pub baked: bool,
}

/// Kind of a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentKind {
    /// The payment provider authorised it.
    Authorised,
    /// Money came in.
    Captured,
    /// It was declined.
    Declined,
    /// Money went back.
    Refunded,
}

/// Payment of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Kind of the payment.
    pub kind: PaymentKind,
    /// Payment method.
    pub method: PaymentMethod,
    /// Amount; never negative.
    pub amount: Cents,
    /// When.
    pub at: DateTime<Utc>,
}

/// Promised time, with the time at which it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// Promised time.
    pub promised_at: DateTime<Utc>,
    /// When the promise was given.
    pub given_at: DateTime<Utc>,
}

/// States of DOMAIN.md, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Refused for want of stock.
    Refused,
    /// To be paid online before it is accepted.
    AwaitingPayment,
    /// Accepted.
    Placed,
    /// Being made.
    InPreparation,
    /// Made.
    Ready,
    /// With a courier.
    OutForDelivery,
    /// Delivered to the customer.
    Delivered,
    /// The courier could not deliver it.
    NotDelivered,
    /// Back at the pizzeria.
    Returned,
    /// Handed over at the counter.
    HandedOver,
    /// Cancelled.
    Cancelled,
    /// Not paid in time.
    Expired,
}

impl OrderStatus {
    /// Every status, in the order of an order's life.
    pub const ALL: [Self; 12] = [
        Self::Refused,
        Self::AwaitingPayment,
        Self::Placed,
        Self::InPreparation,
        Self::Ready,
        Self::OutForDelivery,
        Self::Delivered,
        Self::NotDelivered,
        Self::Returned,
        Self::HandedOver,
        Self::Cancelled,
        Self::Expired,
    ];

    /// Returns the stored name, such as `IN_PREPARATION`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "REFUSED",
            Self::AwaitingPayment => "AWAITING_PAYMENT",
            Self::Placed => "PLACED",
            Self::InPreparation => "IN_PREPARATION",
            Self::Ready => "READY",
            Self::OutForDelivery => "OUT_FOR_DELIVERY",
            Self::Delivered => "DELIVERED",
            Self::NotDelivered => "NOT_DELIVERED",
            Self::Returned => "RETURNED",
            Self::HandedOver => "HANDED_OVER",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }

    /// Whether only payments can follow.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Refused
            | Self::Delivered
            | Self::Returned
            | Self::HandedOver
            | Self::Cancelled
            | Self::Expired => true,
            Self::AwaitingPayment
            | Self::Placed
            | Self::InPreparation
            | Self::Ready
            | Self::OutForDelivery
            | Self::NotDelivered => false,
        }
    }
}
