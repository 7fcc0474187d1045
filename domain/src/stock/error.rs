//! Why a stock refuses a command.

use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode, OrderId, PizzeriaId};
use crate::order::Missing;

/// A refusal by a stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum StockError {
    /// Not enough of something.
    #[error("not enough stock")]
    Insufficient {
        /// Every ingredient of which there is not enough.
        missing: Vec<Missing>,
    },
    /// The order has a reservation already.
    #[error("order {order} has a reservation already")]
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
    /// The delivery note was received before.
    #[error("delivery note {delivery_note} of {supplier} was received before")]
    DuplicateReceipt {
        /// Who delivered.
        supplier: String,
        /// The note's number.
        delivery_note: String,
    },
    /// Nothing was said.
    #[error("at least one ingredient is needed")]
    NoLines,
    /// More than a stock holds of one ingredient.
    #[error("with {on_hand} of {ingredient} on hand, it would be more than the {max} that a stock holds")]
    LimitExceeded {
        /// Of what.
        ingredient: IngredientCode,
        /// What is on hand now.
        on_hand: i64,
        /// The most.
        max: i64,
    },
    /// Not in the group's list of ingredients.
    #[error("{ingredient} is not an ingredient")]
    UnknownIngredient {
        /// As given.
        ingredient: IngredientCode,
    },
    /// Not a pizza of the menu.
    #[error("{pizza} is not a pizza")]
    UnknownPizza {
        /// As given.
        pizza: ItemCode,
    },
    /// It is blocked already.
    #[error("{pizza} is blocked already")]
    AlreadyBlocked {
        /// The pizza.
        pizza: ItemCode,
    },
    /// It is not blocked.
    #[error("{pizza} is not blocked")]
    NotBlocked {
        /// The pizza.
        pizza: ItemCode,
    },
    /// A pizzeria does not send to itself.
    #[error("{pizzeria} cannot transfer to itself")]
    SamePizzeria {
        /// The pizzeria.
        pizzeria: PizzeriaId,
    },
}
