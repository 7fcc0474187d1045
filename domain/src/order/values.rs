//! The values that an order is made of.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Quantity;
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::vat::{VatClass, VatRate};

/// How an order came in.
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

/// How an order leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fulfilment {
    /// Brought to the customer's door.
    Delivery,
    /// Fetched.
    Takeaway,
    /// Eaten in the pizzeria.
    OnSite,
}

/// How the customer means to pay.
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

/// How money changed hands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMethod {
    /// Through the payment service.
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

    /// The name stored and shown, `MEAL_VOUCHER`.
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

/// An extra on a line, with the price it had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TakenExtra {
    /// What is added.
    pub ingredient: IngredientCode,
    /// How much of it, a pizza.
    pub quantity: Quantity,
    /// For how much, a pizza.
    pub price: Cents,
}

/// One line of an order, frozen at placement but for `baked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderLine {
    /// Its number, from 1.
    pub line: u32,
    /// The item.
    pub item: ItemCode,
    /// Its name then.
    pub name: String,
    /// Its size, for a pizza.
    pub size: Option<PizzaSize>,
    /// How many, 1 to 99.
    pub quantity: u32,
    /// What was added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<TakenExtra>,
    /// What was left out; free, and not reserved.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<IngredientCode>,
    /// The price of one, extras included.
    pub unit_price: Cents,
    /// `quantity` times `unit_price`.
    pub total: Cents,
    /// Its class for VAT.
    pub vat_class: VatClass,
    /// The rate that applied.
    pub vat_rate: VatRate,
    /// The version of the menu that the recipe and the price are from.
    pub recipe_version: u32,
    /// Whether it has come out of the oven; always false for what is not a pizza, until the order is ready.
    #[serde(default)]
    pub baked: bool,
}

/// Which way a payment went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentKind {
    /// The payment service set it aside.
    Authorised,
    /// It came in.
    Captured,
    /// It was declined.
    Declined,
    /// It went back.
    Refunded,
}

/// One entry of an order's payments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Which way.
    pub kind: PaymentKind,
    /// How.
    pub method: PaymentMethod,
    /// How much; never negative.
    pub amount: Cents,
    /// When.
    pub at: DateTime<Utc>,
}

/// A promised time, and when it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Promise {
    /// For when.
    pub promised_at: DateTime<Utc>,
    /// Since when this promise holds.
    pub given_at: DateTime<Utc>,
}

/// The states of DOMAIN.md, without their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Not enough stock.
    Refused,
    /// To be paid online before anything else.
    AwaitingPayment,
    /// Accepted.
    Placed,
    /// Being made.
    InPreparation,
    /// Made.
    Ready,
    /// With a courier.
    OutForDelivery,
    /// At the customer's.
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

    /// The name stored and shown, `IN_PREPARATION`.
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

    /// Whether nothing more can happen to it but payments.
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
