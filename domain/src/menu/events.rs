//! Events of the menu. Stored for ever: a changed payload needs an upcaster.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Extra, Ingredient, Pizza, Side};
use crate::ids::{IngredientCode, ItemCode};
use crate::vat::DatedRate;

/// Changes of a publication: entries added, replaced by code, or withdrawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MenuChanges {
    /// Ingredients added or replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ingredients: Vec<Ingredient>,
    /// Pizzas added or replaced, with every size.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pizzas: Vec<Pizza>,
    /// Drinks and desserts added or replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sides: Vec<Side>,
    /// Extras added or replaced.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub extras: Vec<Extra>,
    /// VAT rates added; the latest that has begun applies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vat: Vec<DatedRate>,
    /// Pizzas, drinks and desserts withdrawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<ItemCode>,
    /// Extras withdrawn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn_extras: Vec<IngredientCode>,
}

/// Events of the menu.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum MenuEvent {
    /// A new version was published.
    MenuPublished {
        /// Version number, from 1.
        version: u32,
        /// Changes of the previous version.
        changes: Box<MenuChanges>,
        /// When it happened.
        at: DateTime<Utc>,
    },
}
