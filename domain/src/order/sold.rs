//! Lines and terms of an order as its events store them. Types of their own: a state may change its shape, stored
//! events may not. Nothing here can be computed from the rest of the log: totals and VAT amounts add up from the
//! lines, and a recipe stands in the version of the menu that a part names.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::values::{OrderLine, TakenExtra};
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Quantity;
use crate::menu::PizzaSize;
use crate::money::Cents;
use crate::vat::{VatClass, VatPart, VatRate, breakdown};

/// Line of an order. What is sold with it is frozen: item, recipe, price and VAT.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SoldLine {
    /// Number of the line, from 1. It stays the line's for ever and is never given to another one.
    pub id: u32,
    /// What one piece consists of.
    pub parts: Whole,
    /// What the customer changed about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub options: Vec<LineOption>,
    /// Number of pieces, 1 to 99.
    pub quantity: u32,
    /// Price of one piece, options included.
    pub unit_price: Cents,
    /// VAT at placement.
    pub vat: SoldVat,
}

/// Part of a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Part {
    /// The item.
    pub item: ItemCode,
    /// Size, for a pizza.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<PizzaSize>,
    /// Name as it was sold.
    pub name: String,
    /// Version of the menu from which recipe and price were taken.
    pub recipe_version: u32,
}

/// The parts of a line: today exactly one. Stored as a list, so that halves and combos need no new version; a program
/// that knows no halves must not take the first for the whole, and cannot read such a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Part>", into = "Vec<Part>")]
pub struct Whole(pub Part);

/// A line consists of several parts, which this program does not know.
#[derive(Debug, thiserror::Error)]
#[error("a line has one part, not {0}")]
pub struct NotWhole(usize);

impl TryFrom<Vec<Part>> for Whole {
    type Error = NotWhole;

    fn try_from(parts: Vec<Part>) -> Result<Self, NotWhole> {
        let [part]: [Part; 1] = parts.try_into().map_err(|parts: Vec<Part>| NotWhole(parts.len()))?;
        Ok(Self(part))
    }
}

impl From<Whole> for Vec<Part> {
    fn from(whole: Whole) -> Self {
        vec![whole.0]
    }
}

/// What a customer changed about a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineOption {
    /// An ingredient was added to each piece.
    Extra {
        /// The ingredient.
        ingredient: IngredientCode,
        /// Quantity per piece.
        quantity: Quantity,
        /// Price per piece.
        price: Cents,
    },
    /// An ingredient was left out of each piece.
    Without {
        /// The ingredient.
        ingredient: IngredientCode,
    },
}

/// VAT of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoldVat {
    /// The class.
    pub class: VatClass,
    /// The rate.
    pub rate: VatRate,
}

/// New number of pieces of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineQuantity {
    /// The line.
    pub line: u32,
    /// Number of pieces, 1 to 99.
    pub quantity: u32,
}

/// Promised time, as it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promised {
    /// The time.
    pub at: DateTime<Utc>,
}

/// The prices of an order: `total = subtotal + delivery_fee`, and the VAT parts' gross add up to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Pricing {
    /// Sum of the lines' totals.
    pub subtotal: Cents,
    /// The delivery fee; zero unless delivered.
    pub delivery_fee: Cents,
    /// The total by VAT rate, ascending, with the fee spread over them pro rata.
    pub vat: Vec<VatPart>,
    /// Total to be paid.
    pub total: Cents,
}

impl Pricing {
    /// Adds up lines and the delivery fee, with the VAT by rate. Events store no amount that it returns: what it does
    /// for stored lines must not change.
    pub fn of(lines: &[OrderLine], delivery_fee: Cents) -> Self {
        let subtotal = lines.iter().map(|line| line.total).sum();
        let vat = breakdown(lines.iter().map(|line| (line.vat_rate, line.total)), delivery_fee);
        Self { subtotal, delivery_fee, vat, total: subtotal + delivery_fee }
    }
}

/// What becomes of an order's lines. Lines that are not named stay as they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinesChange {
    /// New lines.
    pub added: Vec<SoldLine>,
    /// Numbers of the lines that end.
    pub removed: Vec<u32>,
    /// Lines with another number of pieces.
    pub quantities: Vec<LineQuantity>,
}

impl From<&OrderLine> for SoldLine {
    fn from(line: &OrderLine) -> Self {
        let extra = |taken: &TakenExtra| LineOption::Extra {
            ingredient: taken.ingredient.clone(),
            quantity: taken.quantity,
            price: taken.price,
        };
        let without = |ingredient: &IngredientCode| LineOption::Without { ingredient: ingredient.clone() };
        Self {
            id: line.line,
            parts: Whole(Part {
                item: line.item.clone(),
                size: line.size,
                name: line.name.clone(),
                recipe_version: line.recipe_version,
            }),
            options: line.extras.iter().map(extra).chain(line.without.iter().map(without)).collect(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            vat: SoldVat { class: line.vat_class, rate: line.vat_rate },
        }
    }
}

impl From<&SoldLine> for OrderLine {
    fn from(sold: &SoldLine) -> Self {
        let Part { item, size, name, recipe_version } = sold.parts.0.clone();
        let (mut extras, mut left_out) = (Vec::new(), Vec::new());
        for option in &sold.options {
            match option.clone() {
                LineOption::Extra { ingredient, quantity, price } => {
                    extras.push(TakenExtra { ingredient, quantity, price });
                }
                LineOption::Without { ingredient } => left_out.push(ingredient),
            }
        }
        Self {
            line: sold.id,
            item,
            name,
            size,
            quantity: sold.quantity,
            extras,
            without: left_out,
            unit_price: sold.unit_price,
            total: sold.unit_price.times(sold.quantity),
            vat_class: sold.vat.class,
            vat_rate: sold.vat.rate,
            recipe_version,
            baked: false,
        }
    }
}
