//! Why the menu refuses a command.

use serde::{Deserialize, Serialize};

use super::PizzaSize;
use crate::ids::{IngredientCode, ItemCode};

/// A refusal by the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MenuError {
    /// Nothing was to be changed.
    #[error("nothing to publish")]
    NothingToPublish,
    /// A recipe or an extra names something that is not an ingredient.
    #[error("{ingredient} is not an ingredient")]
    UnknownIngredient {
        /// As given.
        ingredient: IngredientCode,
    },
    /// What is to be withdrawn is not on the menu.
    #[error("{item} is not on the menu")]
    UnknownItem {
        /// As given.
        item: ItemCode,
    },
    /// What is to be taken off is not sold in that size.
    #[error("{item} is not sold in size {size}")]
    UnknownSize {
        /// The pizza.
        item: ItemCode,
        /// As given.
        size: PizzaSize,
    },
    /// A thing that is new to the menu lacks a value.
    #[error("{code} is new to the menu and needs {field}")]
    ValueRequired {
        /// The item, ingredient or extra.
        code: String,
        /// The input field that is missing.
        field: String,
    },
    /// A code names one thing only.
    #[error("{item} is used twice")]
    DuplicateCode {
        /// The code.
        item: ItemCode,
    },
    /// A pizza has at least one size, each with a recipe.
    #[error("{item} needs at least one size, each with a recipe")]
    NoRecipe {
        /// The pizza.
        item: ItemCode,
    },
    /// More of one ingredient than one pizza or one extra takes.
    #[error("{item} takes at most {max} of one ingredient")]
    QuantityTooLarge {
        /// The pizza, or the extra's ingredient.
        item: ItemCode,
        /// Of what.
        ingredient: IngredientCode,
        /// The most.
        max: u32,
    },
    /// A price is more than zero.
    #[error("the price of {code} is more than zero")]
    InvalidPrice {
        /// The item or the extra.
        code: String,
    },
    /// VAT is at most 100 %.
    #[error("a VAT rate is at most 100 %")]
    InvalidRate,
}
