//! What has happened to an order. Facts in the past tense, in integers and ids.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Fulfilment, OrderChannel, OrderLine, PaymentIntent, PaymentMethod};
use crate::event::{EventType, event_names};
use crate::ids::{ContactId, CustomerId, IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::note::NoteRef;
use crate::vat::VatPart;

/// Everything that a placement freezes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// The order's id.
    pub order: OrderId,
    /// The number people say, `P1-000042`: counts the pizzeria's accepted orders.
    pub number: String,
    /// Where it is made.
    pub pizzeria: PizzeriaId,
    /// How it came in.
    pub channel: OrderChannel,
    /// How it leaves.
    pub fulfilment: Fulfilment,
    /// The account it belongs to; none for a walk-in or a caller without one.
    pub customer: Option<CustomerId>,
    /// The row of personal data (name, phone, address, note) kept outside the log.
    pub contact: Option<ContactId>,
    /// From the pizzeria to the door, in metres; for deliveries.
    pub distance_m: Option<u32>,
    /// The four digits that the customer tells the courier; for deliveries.
    pub delivery_code: Option<String>,
    /// The lines, priced.
    pub lines: Vec<OrderLine>,
    /// What the lines need from the stock, added up.
    pub needs: Ingredients,
    /// The prices.
    pub pricing: Pricing,
    /// How the customer means to pay.
    pub payment: PaymentIntent,
    /// When it was promised for.
    pub promised_at: DateTime<Utc>,
    /// Until when an online order may stay unpaid; only for [`PaymentIntent::Online`].
    pub expires_at: Option<DateTime<Utc>>,
    /// What the customer wrote for the kitchen and for the courier: references to notes beside the log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteRef>,
}

/// The prices of an order: `total = subtotal + delivery_fee`, and the VAT parts' gross add up to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pricing {
    /// The lines' totals, added up.
    pub subtotal: Cents,
    /// The delivery fee; zero unless delivered.
    pub delivery_fee: Cents,
    /// The total by VAT rate, rates ascending, the fee spread over them pro rata.
    pub vat: Vec<VatPart>,
    /// What is to be paid.
    pub total: Cents,
}

/// An ingredient of which there was not enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// How much was needed.
    pub needed: Quantity,
    /// How much was available: on hand less reserved, and never below zero.
    pub available: Quantity,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelReason {
    /// The customer asked.
    CustomerRequest,
    /// The pizzeria asked.
    PizzeriaRequest,
    /// Something ran out after all.
    OutOfStock,
    /// The payment did not go through.
    PaymentFailed,
    /// Anything else.
    Other,
}

impl CancelReason {
    /// Whether a customer may give it: the others are the pizzeria's own.
    pub fn is_customers(self) -> bool {
        match self {
            Self::CustomerRequest | Self::Other => true,
            Self::PizzeriaRequest | Self::OutOfStock | Self::PaymentFailed => false,
        }
    }
}

/// What a refused placement had asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedLine {
    /// The item.
    pub item: ItemCode,
    /// Its size, for a pizza.
    pub size: Option<PizzaSize>,
    /// How many.
    pub quantity: u32,
}

/// The events of an order's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum OrderEvent {
    /// The order was accepted, its stock reserved in the same transaction.
    OrderPlaced {
        /// What was placed.
        placement: Box<Placement>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The order was refused for want of stock.
    OrderRefused {
        /// The id it would have had.
        order: OrderId,
        /// Where.
        pizzeria: PizzeriaId,
        /// How it came in.
        channel: OrderChannel,
        /// Who asked, when they have an account.
        customer: Option<CustomerId>,
        /// What was asked.
        asked: Vec<AskedLine>,
        /// What the order would have come to.
        total: Cents,
        /// What was missing, every ingredient.
        missing: Vec<Missing>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The lines were changed before preparation began.
    OrderLinesChanged {
        /// The lines that hold now.
        lines: Vec<OrderLine>,
        /// What they need from the stock.
        needs: Ingredients,
        /// Their prices.
        pricing: Pricing,
        /// The promise as revised.
        promised_at: DateTime<Utc>,
        /// The notes on the lines that hold now.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<NoteRef>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The order was cancelled.
    OrderCancelled {
        /// Why.
        reason: CancelReason,
        /// The comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The order stayed unpaid too long.
    OrderExpired {
        /// When.
        at: DateTime<Utc>,
    },
    /// An online payment was authorised.
    PaymentAuthorised {
        /// How much.
        amount: Cents,
        /// The payment service's reference.
        reference: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Money came in.
    PaymentCaptured {
        /// How it was paid.
        method: PaymentMethod,
        /// How much.
        amount: Cents,
        /// The payment service's reference, for online payments.
        reference: Option<String>,
        /// When.
        at: DateTime<Utc>,
    },
    /// An online payment was declined.
    PaymentDeclined {
        /// How much was tried.
        amount: Cents,
        /// The payment service's reason code.
        reason: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// Money went back.
    PaymentRefunded {
        /// How it went back.
        method: PaymentMethod,
        /// How much.
        amount: Cents,
        /// The comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A pizzaiolo began, and the reservation was consumed in the same transaction.
    PreparationStarted {
        /// When.
        at: DateTime<Utc>,
    },
    /// A line came out of the oven.
    ItemBaked {
        /// The line's number, from 1.
        line: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// Everything is ready.
    OrderReady {
        /// Whether a delivery is to be scheduled.
        fulfilment: Fulfilment,
        /// When.
        at: DateTime<Utc>,
    },
    /// A takeaway or on-site order was handed over.
    OrderHandedOver {
        /// When.
        at: DateTime<Utc>,
    },
    /// A courier left with it.
    OrderOutForDelivery {
        /// When.
        at: DateTime<Utc>,
    },
    /// It reached the customer.
    OrderDelivered {
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier could not deliver it.
    OrderNotDelivered {
        /// Why.
        reason: crate::delivery::DeliveryFailure,
        /// When.
        at: DateTime<Utc>,
    },
    /// It came back to the pizzeria for good.
    OrderReturned {
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(OrderEvent, Order:
    OrderPlaced, OrderRefused, OrderLinesChanged, OrderCancelled, OrderExpired, PaymentAuthorised,
    PaymentCaptured, PaymentDeclined, PaymentRefunded, PreparationStarted, ItemBaked, OrderReady,
    OrderHandedOver, OrderOutForDelivery, OrderDelivered, OrderNotDelivered, OrderReturned,
);

impl OrderEvent {
    /// The payment service's reference of the charge that the event captures, if it captures one.
    pub fn captured_charge(&self) -> Option<&str> {
        match self {
            Self::PaymentCaptured { reference, .. } => reference.as_deref(),
            Self::OrderPlaced { .. }
            | Self::OrderRefused { .. }
            | Self::OrderLinesChanged { .. }
            | Self::OrderCancelled { .. }
            | Self::OrderExpired { .. }
            | Self::PaymentAuthorised { .. }
            | Self::PaymentDeclined { .. }
            | Self::PaymentRefunded { .. }
            | Self::PreparationStarted { .. }
            | Self::ItemBaked { .. }
            | Self::OrderReady { .. }
            | Self::OrderHandedOver { .. }
            | Self::OrderOutForDelivery { .. }
            | Self::OrderDelivered { .. }
            | Self::OrderNotDelivered { .. }
            | Self::OrderReturned { .. } => None,
        }
    }
}

/// Whether events of a type may capture a charge of the payment service, as [`OrderEvent::captured_charge`] tells
/// of one: for SQL over the log.
pub const fn captures_charge(event: EventType) -> bool {
    use EventType as E;
    match event {
        E::PaymentCaptured => true,
        E::OrderPlaced
        | E::OrderRefused
        | E::OrderLinesChanged
        | E::OrderCancelled
        | E::OrderExpired
        | E::PaymentAuthorised
        | E::PaymentDeclined
        | E::PaymentRefunded
        | E::PreparationStarted
        | E::ItemBaked
        | E::OrderReady
        | E::OrderHandedOver
        | E::OrderOutForDelivery
        | E::OrderDelivered
        | E::OrderNotDelivered
        | E::OrderReturned
        | E::IngredientsReserved
        | E::ReservationChanged
        | E::ReservationReleased
        | E::ReservationConsumed
        | E::SupplyReceived
        | E::StockCounted
        | E::IngredientsWasted
        | E::TransferSent
        | E::TransferReceived
        | E::ThresholdSet
        | E::StockLow
        | E::StockRecovered
        | E::ReservationShort
        | E::PizzaBlocked
        | E::PizzaUnblocked
        | E::DeliveryScheduled
        | E::DeliveryAssigned
        | E::DeliveryUnassigned
        | E::DeliveryPickedUp
        | E::WrongCodeGiven
        | E::DeliveryCompleted
        | E::DeliveryFailed
        | E::DeliveryRetryScheduled
        | E::DeliveryReturned
        | E::PizzeriaOpened
        | E::PizzeriaUpdated
        | E::PizzeriaPaused
        | E::PizzeriaResumed
        | E::MenuPublished
        | E::StaffHired
        | E::StaffRevoked
        | E::DeliveryTaken
        | E::DeliveryPutDown
        | E::StaffAccountUpdated
        | E::StaffEmailVerified
        | E::StaffPasswordChanged
        | E::CustomerRegistered
        | E::CustomerEmailVerified
        | E::CustomerAccountUpdated
        | E::CustomerPasswordChanged
        | E::CustomerErased
        | E::DayClosed => false,
    }
}
