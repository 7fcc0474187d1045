//! Events of a stock. Stored for ever: a changed payload needs an upcaster.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::event::{Facts, NoteSlot};
use crate::ids::{HolderId, IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::note::{CommentSubject, NoteRef, Reason};

coded! { $ for_each_waste_reason
    /// Reason of a waste.
    pub enum WasteReason {
        /// Gone bad.
        Spoiled = "SPOILED",
        /// It fell.
        Dropped = "DROPPED",
        /// Made wrongly, or cancelled once started.
        Mistake = "MISTAKE",
        /// It was not collected.
        Uncollected = "UNCOLLECTED",
        /// Anything else.
        Other = "OTHER",
    }
}

/// Counted ingredient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Counted {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// On hand by the log's movements; negative if more was used than was there.
    pub expected: i64,
    /// Counted quantity.
    pub counted: Quantity,
}

impl Counted {
    /// Returns what the count found beside what was expected; negative if some is lost.
    pub fn variance(&self) -> i64 {
        self.counted.signed() - self.expected
    }
}

/// Holders of a reservation, so that one customer cannot reserve the whole stock without paying.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Opaque ids: of the account, or of the caller's telephone number and address.
    pub by: Vec<HolderId>,
    /// Pieces of the order: pizzas, drinks and desserts.
    pub pieces: u32,
}

/// Events of a stock. Quantities are in the ingredient's unit: grams, millilitres or pieces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum StockEvent {
    /// Ingredients were reserved for an order.
    IngredientsReserved {
        /// The order.
        order: OrderId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Holders and pieces, if the reservation is bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        held: Option<Held>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The reservation changed with the order's lines.
    ReservationChanged {
        /// The order.
        order: OrderId,
        /// The complete new reservation.
        lines: Ingredients,
        /// The previous reservation.
        previous: Ingredients,
        /// New number of pieces, if the reservation is bounded.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        pieces: Option<u32>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The reservation was released: the order will not be made.
    ReservationReleased {
        /// The order.
        order: OrderId,
        /// Quantities that become available again.
        lines: Ingredients,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Preparation started: the reserved ingredients have left the shelf.
    ReservationConsumed {
        /// The order.
        order: OrderId,
        /// Quantities used.
        lines: Ingredients,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A supplier's delivery is received.
    SupplyReceived {
        /// The supplier's id; the name in events of releases that stored it.
        supplier: String,
        /// Number of the delivery note, unique per supplier.
        delivery_note: String,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The stock is counted.
    StockCounted {
        /// Counted ingredients.
        lines: Vec<Counted>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Ingredients on the shelf were wasted.
    IngredientsWasted {
        /// Reason.
        reason: WasteReason,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// An order was cancelled after its preparation started: its ingredients had left the shelf already.
    PreparedOrderDiscarded {
        /// The order.
        order: OrderId,
        /// Quantities that are lost, by ingredient.
        wasted: Ingredients,
        /// Quantities that went back to the shelf, by ingredient.
        #[serde(default, skip_serializing_if = "Ingredients::is_empty")]
        restocked: Ingredients,
        /// Reason.
        reason: WasteReason,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Ingredients were sent to another pizzeria, which receives them in the same transaction.
    TransferSent {
        /// The transfer, the same on both streams.
        transfer: Uuid,
        /// The pizzeria that receives.
        to: PizzeriaId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// Ingredients were received from another pizzeria, which sends them in the same transaction.
    TransferReceived {
        /// The transfer, the same on both streams.
        transfer: Uuid,
        /// The pizzeria that sends.
        from: PizzeriaId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// An ingredient's threshold was set.
    ThresholdSet {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Low means less than this available; 0 is never low.
        threshold: Quantity,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The available quantity fell below the threshold.
    StockLow {
        /// The ingredient.
        ingredient: IngredientCode,
        /// On hand less reserved; negative if more is reserved than is on hand.
        available: i64,
        /// The threshold.
        threshold: Quantity,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The available quantity reached the threshold again.
    StockRecovered {
        /// The ingredient.
        ingredient: IngredientCode,
        /// On hand less reserved.
        available: i64,
        /// The threshold.
        threshold: Quantity,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A count or a waste left less on hand than is reserved.
    ReservationShort {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Reserved less on hand; more than zero.
        missing: Quantity,
        /// The orders with a reservation of it, oldest first.
        orders: Vec<OrderId>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A pizza was blocked.
    PizzaBlocked {
        /// The pizza.
        pizza: ItemCode,
        /// One size, or every size if `None`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<PizzaSize>,
        /// The pizzeria's reason.
        #[serde(flatten)]
        reason: Reason,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The block was lifted.
    PizzaUnblocked {
        /// The pizza.
        pizza: ItemCode,
        /// The size as it was blocked.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<PizzaSize>,
        /// When it happened.
        at: DateTime<Utc>,
    },
}

impl StockEvent {
    /// Returns what the event tells its consumers.
    pub fn facts(&self) -> Facts<'_> {
        let none = Facts::default();
        match self {
            Self::IngredientsReserved { order, .. }
            | Self::ReservationChanged { order, .. }
            | Self::ReservationReleased { order, .. }
            | Self::ReservationConsumed { order, .. }
            | Self::PreparedOrderDiscarded { order, .. } => Facts { order: Some(*order), ..none },
            Self::IngredientsWasted { note, .. } => {
                Facts { comment: note.as_ref().map(|note| (CommentSubject::Waste, note)), ..none }
            }
            Self::SupplyReceived { .. } | Self::TransferReceived { .. } | Self::StockCounted { .. } => {
                Facts { replenishes: true, ..none }
            }
            Self::TransferSent { .. }
            | Self::ThresholdSet { .. }
            | Self::StockLow { .. }
            | Self::StockRecovered { .. }
            | Self::ReservationShort { .. }
            | Self::PizzaBlocked { .. }
            | Self::PizzaUnblocked { .. } => none,
        }
    }

    /// Returns the place for the notes of the event's command.
    pub(crate) fn note_slot(&mut self) -> NoteSlot<'_> {
        match self {
            Self::IngredientsWasted { note, .. } => NoteSlot::Comment(note),
            Self::IngredientsReserved { .. }
            | Self::ReservationChanged { .. }
            | Self::ReservationReleased { .. }
            | Self::ReservationConsumed { .. }
            | Self::SupplyReceived { .. }
            | Self::StockCounted { .. }
            | Self::PreparedOrderDiscarded { .. }
            | Self::TransferSent { .. }
            | Self::TransferReceived { .. }
            | Self::ThresholdSet { .. }
            | Self::StockLow { .. }
            | Self::StockRecovered { .. }
            | Self::ReservationShort { .. }
            | Self::PizzaBlocked { .. }
            | Self::PizzaUnblocked { .. } => NoteSlot::None,
        }
    }
}
