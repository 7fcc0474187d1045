//! Values of an order. Plain data, without rules of their own.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Quantity;
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::vat::{VatClass, VatRate};

coded! { $ for_each_order_channel
    /// Channel through which an order is placed.
    pub enum OrderChannel {
        /// By the customer, on the web.
        Web = "WEB",
        /// By telephone.
        Phone = "PHONE",
        /// At the counter.
        Counter = "COUNTER",
    }
}

coded! { $ for_each_fulfilment
    /// How an order reaches the customer.
    pub enum Fulfilment {
        /// Brought to the customer's door.
        Delivery = "DELIVERY",
        /// Fetched.
        Takeaway = "TAKEAWAY",
        /// Eaten in the pizzeria.
        OnSite = "ON_SITE",
    }
}

coded! { $ for_each_payment_intent
    /// Payment intent of the customer.
    pub enum PaymentIntent {
        /// Online, before preparation.
        Online = "ONLINE",
        /// To the courier.
        OnDelivery = "ON_DELIVERY",
        /// At the counter.
        AtCounter = "AT_COUNTER",
    }
}

coded! { $ for_each_payment_method
    /// Payment method.
    pub enum PaymentMethod {
        /// Through the payment service.
        Online = "ONLINE",
        /// By card, on a terminal.
        Card = "CARD",
        /// In cash.
        Cash = "CASH",
        /// By cheque.
        Cheque = "CHEQUE",
        /// By meal voucher.
        MealVoucher = "MEAL_VOUCHER",
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
    /// Number of the line, from 1, which never becomes another line's.
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

coded! { $ for_each_payment_kind
    /// Kind of a payment.
    pub enum PaymentKind {
        /// The payment service set it aside.
        Authorised = "AUTHORISED",
        /// It came in.
        Captured = "CAPTURED",
        /// It was declined.
        Declined = "DECLINED",
        /// It went back.
        Refunded = "REFUNDED",
    }
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

coded! { $ for_each_order_status
    /// States of DOMAIN.md, without their data.
    pub enum OrderStatus {
        /// Not enough stock: it never became an order and is not in `orders`. Refusals are `events` of
        /// type `OrderRefused`, and are counted in `sales.refused`.
        Refused = "REFUSED",
        /// To be paid online first.
        AwaitingPayment = "AWAITING_PAYMENT",
        /// Accepted.
        Placed = "PLACED",
        /// Being made.
        InPreparation = "IN_PREPARATION",
        /// Made.
        Ready = "READY",
        /// With a courier.
        OutForDelivery = "OUT_FOR_DELIVERY",
        /// At the customer's.
        Delivered = "DELIVERED",
        /// The courier could not deliver it.
        NotDelivered = "NOT_DELIVERED",
        /// Back at the pizzeria for good.
        Returned = "RETURNED",
        /// Handed over at the counter.
        HandedOver = "HANDED_OVER",
        /// Cancelled.
        Cancelled = "CANCELLED",
        /// Not paid in time.
        Expired = "EXPIRED",
    }
}

impl OrderStatus {
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
