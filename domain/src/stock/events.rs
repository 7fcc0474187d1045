//! What has happened to a stock.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::event_names;
use crate::ids::{HolderId, IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::note::NoteRef;

/// Why something was thrown away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum WasteReason {
    /// Gone bad.
    Spoiled,
    /// Fell.
    Dropped,
    /// Made wrongly, or cancelled once started.
    Mistake,
    /// Nobody fetched it.
    Uncollected,
    /// Anything else.
    Other,
}

/// One ingredient as counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// How much there is.
    pub counted: Quantity,
    /// Counted less what the log said was on hand.
    pub difference: i64,
}

/// For whom a reservation is, so that one customer does not hold all there is without paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The account, or the caller's telephone number and address, by ids that say nothing.
    pub by: Vec<HolderId>,
    /// The pieces of the order, pizzas and others.
    pub pieces: u32,
}

/// The events of a stock's stream. Quantities in the ingredient's unit: grams, millilitres or pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum StockEvent {
    /// Set aside for an order.
    IngredientsReserved {
        /// The order.
        order: OrderId,
        /// How much of what.
        lines: Ingredients,
        /// For whom it is reserved, and how many pieces, where that is bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<Held>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The order's lines changed, and with them its reservation.
    ReservationChanged {
        /// The order.
        order: OrderId,
        /// The reservation that holds now, whole.
        lines: Ingredients,
        /// The one that held before.
        previous: Ingredients,
        /// How many pieces the order has now, where that is bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pieces: Option<u32>,
        /// When.
        at: DateTime<Utc>,
    },
    /// The order will not be made.
    ReservationReleased {
        /// The order.
        order: OrderId,
        /// What becomes available again.
        lines: Ingredients,
        /// When.
        at: DateTime<Utc>,
    },
    /// Preparation started: what was reserved has left the shelf.
    ReservationConsumed {
        /// The order.
        order: OrderId,
        /// What was used.
        lines: Ingredients,
        /// When.
        at: DateTime<Utc>,
    },
    /// A supplier delivered.
    SupplyReceived {
        /// Who.
        supplier: String,
        /// The delivery note's number; each is received once a supplier.
        delivery_note: String,
        /// How much of what.
        lines: Ingredients,
        /// When.
        at: DateTime<Utc>,
    },
    /// Somebody counted.
    StockCounted {
        /// What was found.
        lines: Vec<Counted>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Thrown away.
    IngredientsWasted {
        /// Why.
        reason: WasteReason,
        /// How much of what.
        lines: Ingredients,
        /// The order that was cancelled once started: its ingredients had left the shelf already.
        order: Option<OrderId>,
        /// The comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When.
        at: DateTime<Utc>,
    },
    /// Sent to another pizzeria; received there in the same transaction.
    TransferSent {
        /// The transfer, the same on both streams.
        transfer: Uuid,
        /// Where to.
        to: PizzeriaId,
        /// How much of what.
        lines: Ingredients,
        /// When.
        at: DateTime<Utc>,
    },
    /// Received from another pizzeria; sent there in the same transaction.
    TransferReceived {
        /// The transfer, the same on both streams.
        transfer: Uuid,
        /// Where from.
        from: PizzeriaId,
        /// How much of what.
        lines: Ingredients,
        /// When.
        at: DateTime<Utc>,
    },
    /// From when on an ingredient is low.
    ThresholdSet {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Low is less than this available; zero is never low.
        threshold: Quantity,
        /// When.
        at: DateTime<Utc>,
    },
    /// What is available fell below the threshold.
    StockLow {
        /// The ingredient.
        ingredient: IngredientCode,
        /// On hand less reserved; negative when more is reserved than there is.
        available: i64,
        /// The threshold.
        threshold: Quantity,
        /// When.
        at: DateTime<Utc>,
    },
    /// What is available is at the threshold again, or above.
    StockRecovered {
        /// The ingredient.
        ingredient: IngredientCode,
        /// On hand less reserved.
        available: i64,
        /// The threshold.
        threshold: Quantity,
        /// When.
        at: DateTime<Utc>,
    },
    /// More is reserved than there is, after a count or a waste.
    ReservationShort {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Reserved less on hand; more than zero.
        missing: Quantity,
        /// The orders that have some reserved, oldest first.
        orders: Vec<OrderId>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A pizza is off for now.
    PizzaBlocked {
        /// The pizza.
        pizza: ItemCode,
        /// One size; every size when none is named.
        size: Option<PizzaSize>,
        /// Why, in the pizzeria's words.
        reason: String,
        /// When.
        at: DateTime<Utc>,
    },
    /// It is on again.
    PizzaUnblocked {
        /// The pizza.
        pizza: ItemCode,
        /// As it was blocked.
        size: Option<PizzaSize>,
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(StockEvent, Stock:
    IngredientsReserved, ReservationChanged, ReservationReleased, ReservationConsumed, SupplyReceived,
    StockCounted, IngredientsWasted, TransferSent, TransferReceived, ThresholdSet, StockLow,
    StockRecovered, ReservationShort, PizzaBlocked, PizzaUnblocked,
);
