//! Events of an order: past-tense facts in integers and ids. Stored for ever: a changed payload needs an
//! upcaster.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::sold::{LineQuantity, Pricing, Promised, SoldLine};
use super::values::{Fulfilment, OrderChannel, OrderLine, PaymentIntent, PaymentMethod};
use crate::event::{Facts, MoneyMoved, NoteSlot, RecordedRefusal};
use crate::ids::{ContactId, CustomerId, IngredientCode, ItemCode, OrderId, PizzeriaId, StaffId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::note::{CommentSubject, NoteRef};

/// Data of an order that is fixed at placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Placement {
    /// Id of the order.
    pub order: OrderId,
    /// Order number that staff and customers use, such as `P1-000042`.
    pub number: String,
    /// The pizzeria that makes it.
    pub pizzeria: PizzeriaId,
    /// Channel through which it was placed.
    pub channel: OrderChannel,
    /// Fulfilment.
    pub fulfilment: Fulfilment,
    /// The customer's account; `None` for a walk-in or a caller without an account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer: Option<CustomerId>,
    /// The row of personal data (name, phone, address, note) kept outside the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact: Option<ContactId>,
    /// Distance to the customer, in metres, for a delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distance_m: Option<u32>,
    /// The four digits that the customer tells the courier, in events of releases that stored them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery_code: Option<String>,
    /// The lines, priced.
    pub lines: Vec<SoldLine>,
    /// The delivery fee, VAT included; none unless delivered.
    #[serde(default, skip_serializing_if = "Cents::is_zero")]
    pub delivery_fee: Cents,
    /// The needs as they were stored: only in an event of version 1. The stock's reservation is the copy that counts.
    #[serde(default, skip_serializing_if = "Ingredients::is_empty")]
    pub needs: Ingredients,
    /// The amounts as they were stored: only in an event of version 1. Today's add up from the lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// Minimum of the lines' total at placement, for a delivery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub minimum: Option<Cents>,
    /// Payment intent of the customer.
    pub payment: PaymentIntent,
    /// Promised time.
    pub promise: Promised,
    /// Payment deadline; only for [`PaymentIntent::Online`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<DateTime<Utc>>,
    /// References to the customer's notes for the kitchen and the courier.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteRef>,
}

impl Placement {
    /// Returns the lines as the order's state holds them.
    pub fn order_lines(&self) -> Vec<OrderLine> {
        self.lines.iter().map(OrderLine::from).collect()
    }

    /// Returns the prices of these lines.
    pub(super) fn prices(&self, lines: &[OrderLine]) -> Pricing {
        self.pricing.clone().unwrap_or_else(|| Pricing::of(lines, self.delivery_fee))
    }
}

/// Ingredient of which the stock did not suffice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Missing {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// Quantity that was needed.
    pub needed: Quantity,
    /// Quantity that was available: on hand less reserved, never below 0.
    pub available: Quantity,
}

coded! { $ for_each_cancel_reason
    /// Reason of a cancellation.
    pub enum CancelReason {
        /// The customer asked.
        CustomerRequest = "CUSTOMER_REQUEST",
        /// The pizzeria asked.
        PizzeriaRequest = "PIZZERIA_REQUEST",
        /// Something ran out after all.
        OutOfStock = "OUT_OF_STOCK",
        /// The payment did not go through.
        PaymentFailed = "PAYMENT_FAILED",
        /// Anything else.
        Other = "OTHER",
    }
}

impl CancelReason {
    /// Whether a customer may give this reason; the others are reserved for the pizzeria.
    pub fn is_customers(self) -> bool {
        match self {
            Self::CustomerRequest | Self::Other => true,
            Self::PizzeriaRequest | Self::OutOfStock | Self::PaymentFailed => false,
        }
    }
}

/// Line of a refused placement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AskedLine {
    /// The item.
    pub item: ItemCode,
    /// Size, for a pizza.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<PizzaSize>,
    /// Number of pieces.
    pub quantity: u32,
}

/// Events of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum OrderEvent {
    /// The order was accepted, its stock reserved in the same transaction.
    OrderPlaced {
        /// The placement.
        placement: Box<Placement>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The order was refused for want of stock.
    OrderRefused {
        /// Id of the refused order.
        order: OrderId,
        /// The pizzeria.
        pizzeria: PizzeriaId,
        /// Channel through which it was placed.
        channel: OrderChannel,
        /// The customer, if they have an account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<CustomerId>,
        /// Requested lines.
        asked: Vec<AskedLine>,
        /// Total of the refused order.
        total: Cents,
        /// Every missing ingredient.
        missing: Vec<Missing>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The lines were changed before preparation began.
    OrderLinesChanged {
        /// New lines.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        added: Vec<SoldLine>,
        /// Numbers of the lines that end.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        removed: Vec<u32>,
        /// Lines with another number of pieces.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        quantities: Vec<LineQuantity>,
        /// Whether every earlier line ends: only in an event of version 1, which listed the complete new lines.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        replaces: bool,
        /// The needs as they were stored: only in an event of version 1.
        #[serde(default, skip_serializing_if = "Ingredients::is_empty")]
        needs: Ingredients,
        /// The amounts as they were stored: only in an event of version 1.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pricing: Option<Pricing>,
        /// The revised promise; without one, the previous promise stands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promise: Option<Promised>,
        /// New notes on lines; each takes the place of the line's previous one.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        notes: Vec<NoteRef>,
        /// Numbers of the lines whose note ends.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unnoted: Vec<u32>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The order was cancelled.
    OrderCancelled {
        /// Reason.
        reason: CancelReason,
        /// Comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The order stayed unpaid too long.
    OrderExpired {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// An online payment was authorised.
    PaymentAuthorised {
        /// Amount.
        amount: Cents,
        /// Reference of the payment provider.
        reference: String,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Money came in.
    PaymentCaptured {
        /// Payment method.
        method: PaymentMethod,
        /// Amount.
        amount: Cents,
        /// Reference of the payment provider, for online payments.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reference: Option<String>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// An online payment was declined.
    PaymentDeclined {
        /// Amount that was declined.
        amount: Cents,
        /// Reason code of the payment provider.
        reason: String,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Money went back.
    PaymentRefunded {
        /// Payment method of the refund.
        method: PaymentMethod,
        /// Amount.
        amount: Cents,
        /// Comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Preparation started; the reservation was consumed in the same transaction.
    PreparationStarted {
        /// Who prepares it; `None` in events of earlier releases, and when the system started it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<StaffId>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A line came out of the oven.
    ItemBaked {
        /// The line's number, from 1.
        line: u32,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Everything is ready.
    OrderReady {
        /// Fulfilment: an order for delivery gets a delivery.
        fulfilment: Fulfilment,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A takeaway or on-site order was handed over.
    OrderHandedOver {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A courier left with it.
    OrderOutForDelivery {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It reached the customer.
    OrderDelivered {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The courier could not deliver it.
    OrderNotDelivered {
        /// Reason.
        reason: crate::delivery::DeliveryFailure,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It was returned to the pizzeria.
    OrderReturned {
        /// When it happened.
        at: DateTime<Utc>,
    },
}

impl OrderEvent {
    /// Returns what the event tells its consumers.
    pub fn facts(&self) -> Facts<'_> {
        let none = Facts::default();
        match self {
            Self::OrderPlaced { placement, at } => Facts {
                pizzeria: Some(&placement.pizzeria),
                counts_at: Some(*at),
                contact: placement.contact,
                notes: &placement.notes,
                ..none
            },
            Self::OrderRefused { pizzeria, missing, at, .. } => Facts {
                pizzeria: Some(pizzeria),
                refusal: Some(RecordedRefusal::OutOfStock(missing)),
                counts_at: Some(*at),
                ..none
            },
            Self::OrderLinesChanged { notes, at, .. } => Facts { counts_at: Some(*at), notes, ..none },
            Self::OrderCancelled { note, .. } => {
                Facts { comment: note.as_ref().map(|note| (CommentSubject::Cancellation, note)), ..none }
            }
            Self::PaymentCaptured { method, amount, reference, at } => Facts {
                money: Some(MoneyMoved {
                    method: *method,
                    captured: *amount,
                    refunded: Cents::ZERO,
                    charge: reference.as_deref(),
                    at: *at,
                }),
                counts_at: Some(*at),
                ..none
            },
            Self::PaymentDeclined { reason, .. } => {
                Facts { refusal: Some(RecordedRefusal::PaymentDeclined(reason)), ..none }
            }
            Self::PaymentRefunded { method, amount, note, at } => Facts {
                money: Some(MoneyMoved {
                    method: *method,
                    captured: Cents::ZERO,
                    refunded: *amount,
                    charge: None,
                    at: *at,
                }),
                counts_at: Some(*at),
                comment: note.as_ref().map(|note| (CommentSubject::Refund, note)),
                ..none
            },
            Self::OrderReady { fulfilment: Fulfilment::Delivery, at } => {
                Facts { awaits_courier_at: Some(*at), ..none }
            }
            Self::OrderReady { fulfilment: Fulfilment::Takeaway | Fulfilment::OnSite, .. }
            | Self::OrderExpired { .. }
            | Self::PaymentAuthorised { .. }
            | Self::PreparationStarted { .. }
            | Self::ItemBaked { .. }
            | Self::OrderHandedOver { .. }
            | Self::OrderOutForDelivery { .. }
            | Self::OrderDelivered { .. }
            | Self::OrderNotDelivered { .. }
            | Self::OrderReturned { .. } => none,
        }
    }

    /// Returns the place for the notes of the event's command.
    pub(crate) fn note_slot(&mut self) -> NoteSlot<'_> {
        match self {
            Self::OrderPlaced { placement, .. } => NoteSlot::Notes(&mut placement.notes),
            Self::OrderLinesChanged { notes, .. } => NoteSlot::Notes(notes),
            Self::OrderCancelled { note, .. } | Self::PaymentRefunded { note, .. } => NoteSlot::Comment(note),
            Self::OrderRefused { .. }
            | Self::OrderExpired { .. }
            | Self::PaymentAuthorised { .. }
            | Self::PaymentCaptured { .. }
            | Self::PaymentDeclined { .. }
            | Self::PreparationStarted { .. }
            | Self::ItemBaked { .. }
            | Self::OrderReady { .. }
            | Self::OrderHandedOver { .. }
            | Self::OrderOutForDelivery { .. }
            | Self::OrderDelivered { .. }
            | Self::OrderNotDelivered { .. }
            | Self::OrderReturned { .. } => NoteSlot::None,
        }
    }
}
