//! Pricing a basket: the same for a quote, a placement and a change of lines.

use chrono::{DateTime, Utc};

use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Ingredients;
use crate::menu::{Menu, PizzaSize};
use crate::order::{Fulfilment, Missing, OrderError, OrderLine, Pricing};
use crate::pizzeria::{OpenedPizzeria, Place};
use crate::stock::Stock;

/// One line as asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    /// The item.
    pub item: ItemCode,
    /// Its size, for a pizza.
    pub size: Option<PizzaSize>,
    /// How many, 1 to 99.
    pub quantity: u32,
    /// Extras, each as often as it is wanted.
    pub extras: Vec<IngredientCode>,
    /// What to leave out.
    pub without: Vec<IngredientCode>,
}

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// How it leaves.
    pub fulfilment: Fulfilment,
    /// The lines.
    pub lines: Vec<BasketLine>,
    /// Where to, for a delivery.
    pub place: Option<Place>,
}

/// A basket with its prices, and everything that stands in the way of placing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The lines, priced.
    pub lines: Vec<OrderLine>,
    /// What they need from the stock.
    pub needs: Ingredients,
    /// The prices.
    pub pricing: Pricing,
    /// To the door, in metres; for a delivery.
    pub distance_m: Option<u32>,
    /// When it would be promised for.
    pub promised_at: DateTime<Utc>,
    /// What is missing.
    pub missing: Vec<Missing>,
    /// Why it would be refused, in the order in which placing checks; empty when it would be accepted.
    pub obstacles: Vec<OrderError>,
}

/// Prices a basket.
///
/// # Errors
/// What cannot be priced at all: no lines, too many, items, sizes, extras or ingredients that are not on the menu.
pub fn quote(
    menu: &Menu,
    pizzeria: &OpenedPizzeria,
    stock: &Stock,
    basket: &Basket,
    now: DateTime<Utc>,
) -> Result<Quote, OrderError> {
    let _ = (menu, pizzeria, stock, basket, now);
    todo!()
}
