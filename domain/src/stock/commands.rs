//! Commands to one stock. Time comes with them; nothing here decides.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::events::{Held, WasteReason};
use crate::ids::{IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::note::Reason;

/// A supplier: its id stands in the log, its name beside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Supplier {
    /// The id, as events carry it; the name in events of releases that stored it.
    pub id: String,
    /// The name.
    pub name: String,
}

impl From<&str> for Supplier {
    /// Returns the supplier that an event names.
    fn from(recorded: &str) -> Self {
        Self { id: recorded.to_owned(), name: recorded.to_owned() }
    }
}

/// Command to one stock. Quantities are in the ingredient's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockCommand {
    /// Reserve ingredients for an order.
    Reserve {
        /// The order.
        order: OrderId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Holders, if the reservation is bounded.
        held: Option<Held>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Replace an order's reservation.
    ChangeReservation {
        /// The order.
        order: OrderId,
        /// The complete new reservation.
        lines: Ingredients,
        /// New number of pieces.
        pieces: u32,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Release an order's reservation.
    Release {
        /// The order.
        order: OrderId,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Consume the reservation: preparation starts.
    Consume {
        /// The order.
        order: OrderId,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// A started order was cancelled: its ingredients are waste.
    DiscardOrder {
        /// The order.
        order: OrderId,
        /// Ingredients that it used.
        lines: Ingredients,
        /// Reason for the waste.
        reason: WasteReason,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// A supplier's delivery is received.
    Receive {
        /// The supplier.
        supplier: Supplier,
        /// Number of the delivery note.
        delivery_note: String,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// The stock is counted.
    Count {
        /// Counted quantities.
        lines: Ingredients,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Ingredients are wasted.
    Waste {
        /// Reason.
        reason: WasteReason,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Send to another pizzeria.
    SendTransfer {
        /// The transfer.
        transfer: Uuid,
        /// The pizzeria that receives.
        to: PizzeriaId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Receive from another pizzeria.
    ReceiveTransfer {
        /// The transfer.
        transfer: Uuid,
        /// The pizzeria that sends.
        from: PizzeriaId,
        /// Quantities by ingredient.
        lines: Ingredients,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Set an ingredient's threshold.
    SetThreshold {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Low means less than this available.
        threshold: Quantity,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Block a pizza.
    Block {
        /// The pizza.
        pizza: ItemCode,
        /// One size, or every size if `None`.
        size: Option<PizzaSize>,
        /// Reason.
        reason: Reason,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Lift the block of a pizza.
    Unblock {
        /// The pizza.
        pizza: ItemCode,
        /// The size as it was blocked.
        size: Option<PizzaSize>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
