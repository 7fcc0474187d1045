//! Refusals of the menu. Values, never faults.

use serde::{Deserialize, Serialize};

use super::{PizzaSize, Unit};
use crate::ids::{IngredientCode, ItemCode};
use crate::usecase::RefusalCode;

/// Refusal by the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum MenuError {
    /// The command changes nothing.
    #[error("nothing to publish")]
    NothingToPublish,
    /// A recipe or an extra names an unknown ingredient.
    #[error("{ingredient} is not an ingredient")]
    UnknownIngredient {
        /// The given value.
        ingredient: IngredientCode,
    },
    /// The item to withdraw is not on the menu.
    #[error("{item} is not on the menu")]
    UnknownItem {
        /// The given value.
        item: ItemCode,
    },
    /// The size to withdraw is not sold.
    #[error("{item} is not sold in size {size}")]
    UnknownSize {
        /// The pizza.
        item: ItemCode,
        /// The given value.
        size: PizzaSize,
    },
    /// A new entry lacks a value.
    #[error("{code} is new to the menu and needs {field}")]
    ValueRequired {
        /// The item, ingredient or extra.
        code: String,
        /// The missing input field.
        field: String,
    },
    /// A published ingredient keeps its unit: stocks, recipes and orders count in it.
    #[error("{ingredient} is counted in {unit}, and a published ingredient keeps its unit")]
    UnitFixed {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Its unit.
        unit: Unit,
    },
    /// The code is used twice.
    #[error("{item} is used twice")]
    DuplicateCode {
        /// The code.
        item: ItemCode,
    },
    /// A pizza needs at least one size, each with a recipe.
    #[error("{item} needs at least one size, each with a recipe")]
    NoRecipe {
        /// The pizza.
        item: ItemCode,
    },
    /// The quantity exceeds what one pizza or extra may take of an ingredient.
    #[error("{item} takes at most {max} of one ingredient")]
    QuantityTooLarge {
        /// The pizza, or the extra's ingredient.
        item: ItemCode,
        /// The ingredient.
        ingredient: IngredientCode,
        /// The limit.
        max: u32,
    },
    /// A price must be more than 0.
    #[error("the price of {code} must be more than 0")]
    InvalidPrice {
        /// The item or the extra.
        code: String,
    },
    /// A VAT rate must be at most 100 %.
    #[error("a VAT rate must be at most 100 %")]
    InvalidRate,
}

impl MenuError {
    /// Returns the code under which the API shows the refusal.
    pub fn code(&self) -> RefusalCode {
        use RefusalCode as C;
        match self {
            Self::NothingToPublish => C::NothingToChange,
            Self::UnknownIngredient { .. } => C::UnknownIngredient,
            Self::UnknownItem { .. } | Self::UnknownSize { .. } => C::UnknownPizza,
            Self::ValueRequired { .. } => C::ValueRequired,
            Self::UnitFixed { .. } => C::UnitFixed,
            Self::DuplicateCode { .. } => C::DuplicateCode,
            Self::NoRecipe { .. } => C::NoRecipe,
            Self::InvalidPrice { .. } => C::InvalidAmount,
            Self::QuantityTooLarge { .. } | Self::InvalidRate => C::OutOfRange,
        }
    }
}
