//! Refusals of a stock. Values, never faults.

use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::order::Missing;
use crate::usecase::RefusalCode;

/// Refusal by a stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StockError {
    /// The stock does not suffice.
    #[error("not enough stock")]
    Insufficient {
        /// Every missing ingredient.
        missing: Vec<Missing>,
    },
    /// The order already has a reservation.
    #[error("order {order} already has a reservation")]
    AlreadyReserved {
        /// The order.
        order: OrderId,
    },
    /// The order has no reservation.
    #[error("order {order} has no reservation")]
    NoReservation {
        /// The order.
        order: OrderId,
    },
    /// The delivery note was already received.
    #[error("delivery note {delivery_note} of {supplier} was already received")]
    DuplicateReceipt {
        /// The supplier.
        supplier: String,
        /// Number of the delivery note.
        delivery_note: String,
    },
    /// The command has no lines.
    #[error("at least one ingredient is needed")]
    NoLines,
    /// The quantity exceeds what a stock holds of one ingredient.
    #[error("with {on_hand} of {ingredient} on hand, the quantity would exceed the limit of {max}")]
    LimitExceeded {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Quantity on hand.
        on_hand: i64,
        /// The limit.
        max: i64,
    },
    /// The ingredient is unknown.
    #[error("{ingredient} is not an ingredient")]
    UnknownIngredient {
        /// The given value.
        ingredient: IngredientCode,
    },
    /// The pizza is not on the menu.
    #[error("{pizza} is not a pizza")]
    UnknownPizza {
        /// The given value.
        pizza: ItemCode,
    },
    /// The pizza is already blocked.
    #[error("{pizza} is already blocked")]
    AlreadyBlocked {
        /// The pizza.
        pizza: ItemCode,
    },
    /// The pizza is not blocked.
    #[error("{pizza} is not blocked")]
    NotBlocked {
        /// The pizza.
        pizza: ItemCode,
    },
    /// A pizzeria cannot transfer to itself.
    #[error("{pizzeria} cannot transfer to itself")]
    SamePizzeria {
        /// The pizzeria.
        pizzeria: PizzeriaId,
    },
}

impl StockError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::Insufficient { .. } => C::InsufficientStock,
            Self::AlreadyReserved { .. } | Self::NoReservation { .. } => C::WrongState,
            Self::DuplicateReceipt { .. } => C::DuplicateReceipt,
            Self::LimitExceeded { .. } => C::StockLimitExceeded,
            Self::NoLines => C::EmptyLines,
            Self::UnknownIngredient { .. } => C::UnknownIngredient,
            Self::UnknownPizza { .. } => C::UnknownPizza,
            Self::AlreadyBlocked { .. } => C::AlreadyBlocked,
            Self::NotBlocked { .. } => C::NotBlocked,
            Self::SamePizzeria { .. } => C::SamePizzeria,
        }
    }
}
