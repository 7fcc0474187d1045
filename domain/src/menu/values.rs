//! Values of the menu. Plain data, without rules of their own.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::money::Cents;
use crate::vat::VatClass;

coded! { $ for_each_pizza_size
    /// Size of a pizza.
    pub enum PizzaSize {
        /// Small.
        S = "S",
        /// Medium.
        M = "M",
        /// Large.
        L = "L",
    }
}

coded! { $ for_each_unit
    /// Unit in which an ingredient is counted.
    pub enum Unit {
        /// Grams.
        Gram = "GRAM",
        /// Millilitres.
        Millilitre = "MILLILITRE",
        /// Pieces.
        Piece = "PIECE",
    }
}

coded! { $ for_each_allergen
    /// Allergens of Annex II of Regulation (EU) 1169/2011.
    pub enum Allergen {
        /// Cereals containing gluten.
        Gluten = "GLUTEN",
        /// Milk.
        Milk = "MILK",
        /// Eggs.
        Egg = "EGG",
        /// Fish.
        Fish = "FISH",
        /// Crustaceans.
        Crustaceans = "CRUSTACEANS",
        /// Peanuts.
        Peanuts = "PEANUTS",
        /// Soybeans.
        Soybeans = "SOYBEANS",
        /// Nuts: almonds, hazelnuts, walnuts, cashews, pecans, Brazil nuts, pistachios, macadamias.
        Nuts = "NUTS",
        /// Celery.
        Celery = "CELERY",
        /// Mustard.
        Mustard = "MUSTARD",
        /// Sesame seeds.
        Sesame = "SESAME",
        /// Sulphur dioxide and sulphites above 10 mg/kg or 10 mg/l.
        Sulphites = "SULPHITES",
        /// Lupin.
        Lupin = "LUPIN",
        /// Molluscs.
        Molluscs = "MOLLUSCS",
    }
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

coded! { $ for_each_category
    /// Part of the menu.
    pub enum Category {
        /// A drink.
        Drink = "DRINK",
        /// A dessert.
        Dessert = "DESSERT",
    }
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
