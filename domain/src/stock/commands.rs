//! What can be asked of one stock.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::events::{Held, WasteReason};
use crate::ids::{IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;

/// A command to one stock. Quantities in the ingredient's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockCommand {
    /// Set aside for an order.
    Reserve {
        /// The order.
        order: OrderId,
        /// How much of what.
        lines: Ingredients,
        /// For whom, where that is bounded.
        held: Option<Held>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Replace an order's reservation.
    ChangeReservation {
        /// The order.
        order: OrderId,
        /// The whole new reservation.
        lines: Ingredients,
        /// How many pieces the order has now.
        pieces: u32,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Give back what was set aside.
    Release {
        /// The order.
        order: OrderId,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Preparation starts.
    Consume {
        /// The order.
        order: OrderId,
        /// Now.
        now: DateTime<Utc>,
    },
    /// A started order was cancelled: what it used is waste.
    WasteOrder {
        /// The order.
        order: OrderId,
        /// What it had used.
        lines: Ingredients,
        /// Why it is waste.
        reason: WasteReason,
        /// Now.
        now: DateTime<Utc>,
    },
    /// A supplier delivered.
    Receive {
        /// Who.
        supplier: String,
        /// The delivery note's number.
        delivery_note: String,
        /// How much of what.
        lines: Ingredients,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Somebody counted.
    Count {
        /// What is there.
        lines: Ingredients,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Something is thrown away.
    Waste {
        /// Why.
        reason: WasteReason,
        /// How much of what.
        lines: Ingredients,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Send to another pizzeria.
    SendTransfer {
        /// The transfer.
        transfer: Uuid,
        /// Where to.
        to: PizzeriaId,
        /// How much of what.
        lines: Ingredients,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Receive from another pizzeria.
    ReceiveTransfer {
        /// The transfer.
        transfer: Uuid,
        /// Where from.
        from: PizzeriaId,
        /// How much of what.
        lines: Ingredients,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Say from when on an ingredient is low.
    SetThreshold {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Low is less than this available.
        threshold: Quantity,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Take a pizza off for now.
    Block {
        /// The pizza.
        pizza: ItemCode,
        /// One size, or every size.
        size: Option<PizzaSize>,
        /// Why.
        reason: String,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Put it on again.
    Unblock {
        /// The pizza.
        pizza: ItemCode,
        /// As it was blocked.
        size: Option<PizzaSize>,
        /// Now.
        now: DateTime<Utc>,
    },
}
