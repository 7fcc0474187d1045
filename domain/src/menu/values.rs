//! Values of the menu. Plain data, without rules of their own.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::vat::VatClass;

/// Size of a pizza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PizzaSize {
    /// Small.
    S,
    /// Medium, for which recipes are written.
    M,
    /// Large.
    L,
}

impl PizzaSize {
    /// Every size, ascending.
    pub const ALL: [Self; 3] = [Self::S, Self::M, Self::L];

    /// Returns the stored name.
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

/// Unit in which an ingredient is counted.
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

/// Allergens of Annex II of Regulation (EU) 1169/2011.
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
    /// Every allergen.
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

/// Ingredient: anything counted in stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ingredient {
    /// Code.
    pub code: IngredientCode,
    /// Name.
    pub name: String,
    /// Unit of its quantities.
    pub unit: Unit,
    /// Allergens.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub allergens: BTreeSet<Allergen>,
    /// Whether a customer may leave it out of a pizza; not so for dough and boxes.
    pub removable: bool,
}

/// One size of a pizza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizedPizza {
    /// Price, VAT included.
    pub price: Cents,
    /// Ingredients of one, dough and box included.
    pub recipe: Ingredients,
}

/// A pizza.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pizza {
    /// Code.
    pub code: ItemCode,
    /// Name.
    pub name: String,
    /// Sizes in which it is sold.
    pub sizes: BTreeMap<PizzaSize, SizedPizza>,
}

/// Part of the menu.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Category {
    /// A drink.
    Drink,
    /// A dessert.
    Dessert,
}

/// Drink or dessert, sold as it is and counted in stock under its own code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Side {
    /// Code.
    pub code: ItemCode,
    /// Name.
    pub name: String,
    /// Part of the menu.
    pub category: Category,
    /// VAT class.
    pub vat_class: VatClass,
    /// Price, VAT included.
    pub price: Cents,
}

/// Extra for a pizza, named by its ingredient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extra {
    /// The added ingredient.
    pub ingredient: IngredientCode,
    /// Quantity, the same for every size of pizza.
    pub quantity: Quantity,
    /// Price, VAT included.
    pub price: Cents,
}
