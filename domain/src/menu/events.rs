//! What has happened to the menu.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{Extra, Ingredient, Pizza, Side};
use crate::event::event_names;
use crate::ids::{IngredientCode, ItemCode};
use crate::vat::DatedRate;

/// What a publication adds, replaces (by code) and takes off.
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
    /// Pizzas, drinks and desserts taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn: Vec<ItemCode>,
    /// Extras taken off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withdrawn_extras: Vec<IngredientCode>,
}

/// The events of the menu's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum MenuEvent {
    /// A new version holds from now on.
    MenuPublished {
        /// Its number, from 1.
        version: u32,
        /// What it changes of the version before.
        changes: Box<MenuChanges>,
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(MenuEvent, Menu: MenuPublished);
