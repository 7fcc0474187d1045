//! The values that a menu is made of.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::vat::VatClass;

/// The sizes of a pizza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PizzaSize {
    /// Small.
    S,
    /// Medium: the size that recipes are written for.
    M,
    /// Large.
    L,
}

impl PizzaSize {
    /// Every size, ascending.
    pub const ALL: [Self; 3] = [Self::S, Self::M, Self::L];

    /// The name stored and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S => "S",
            Self::M => "M",
            Self::L => "L",
        }
    }
}

impl fmt::Display for PizzaSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What an ingredient is counted in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Unit {
    /// Grams.
    Gram,
    /// Millilitres.
    Millilitre,
    /// Pieces.
    Piece,
}

/// The allergens of Annex II of Regulation (EU) 1169/2011, in its order but for the first four.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Allergen {
    /// Cereals containing gluten.
    Gluten,
    /// Milk.
    Milk,
    /// Eggs.
    Egg,
    /// Fish.
    Fish,
    /// Crustaceans.
    Crustaceans,
    /// Peanuts.
    Peanuts,
    /// Soybeans.
    Soybeans,
    /// Nuts: almonds, hazelnuts, walnuts, cashews, pecans, Brazil nuts, pistachios, macadamias.
    Nuts,
    /// Celery.
    Celery,
    /// Mustard.
    Mustard,
    /// Sesame seeds.
    Sesame,
    /// Sulphur dioxide and sulphites above 10 mg/kg or 10 mg/l.
    Sulphites,
    /// Lupin.
    Lupin,
    /// Molluscs.
    Molluscs,
}

impl Allergen {
    /// All fourteen.
    pub const ALL: [Self; 14] = [
        Self::Gluten,
        Self::Milk,
        Self::Egg,
        Self::Fish,
        Self::Crustaceans,
        Self::Peanuts,
        Self::Soybeans,
        Self::Nuts,
        Self::Celery,
        Self::Mustard,
        Self::Sesame,
        Self::Sulphites,
        Self::Lupin,
        Self::Molluscs,
    ];
}

/// Something counted in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingredient {
    /// Its code.
    pub code: IngredientCode,
    /// Its name.
    pub name: String,
    /// What it is counted in.
    pub unit: Unit,
    /// Its allergens.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allergens: BTreeSet<Allergen>,
    /// Whether a customer may have it left out of a pizza; dough and boxes may not.
    pub removable: bool,
}

/// One size of a pizza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizedPizza {
    /// What it costs, VAT included.
    pub price: Cents,
    /// What one takes, dough and box included.
    pub recipe: Ingredients,
}

/// A pizza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pizza {
    /// Its code.
    pub code: ItemCode,
    /// Its name.
    pub name: String,
    /// The sizes it is sold in.
    pub sizes: BTreeMap<PizzaSize, SizedPizza>,
}

/// Which part of the menu a drink or dessert is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// A drink.
    Drink,
    /// A dessert.
    Dessert,
}

/// A drink or a dessert: sold as it comes, and a stock item under its own code, one piece each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Its code.
    pub code: ItemCode,
    /// Its name.
    pub name: String,
    /// Drink or dessert.
    pub category: Category,
    /// Its class for VAT.
    pub vat_class: VatClass,
    /// What it costs, VAT included.
    pub price: Cents,
}

/// Something that can be added to a pizza, named by its ingredient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// What is added.
    pub ingredient: IngredientCode,
    /// How much of it, whatever the pizza's size.
    pub quantity: Quantity,
    /// What it costs, VAT included.
    pub price: Cents,
}
