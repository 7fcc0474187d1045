//! Quotes: the same pricing and checks for a quote and a placement. Never reserves
//! anything.

use chrono::{DateTime, Utc};

use super::pricing::{self, Priced};
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::Ingredients;
use crate::menu::{Menu, PizzaSize};
use crate::money::Cents;
use crate::order::{Fulfilment, Missing, OrderError, OrderLine, Pricing};
use crate::pizzeria::{OpenedPizzeria, Place};
use crate::policies::promise::{KitchenLoad, promise};
use crate::stock::Stock;

/// Requested line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasketLine {
    /// The item.
    pub item: ItemCode,
    /// Size, for a pizza.
    pub size: Option<PizzaSize>,
    /// Number of pieces, 1 to 99.
    pub quantity: u32,
    /// Extras; one may occur several times.
    pub extras: Vec<IngredientCode>,
    /// Ingredients to leave out.
    pub without: Vec<IngredientCode>,
}

/// Requested goods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Basket {
    /// Fulfilment.
    pub fulfilment: Fulfilment,
    /// The lines.
    pub lines: Vec<BasketLine>,
    /// Place of the customer, for a delivery.
    pub place: Option<Place>,
}

/// Priced basket, with every obstacle to placing it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quote {
    /// The lines, priced.
    pub lines: Vec<OrderLine>,
    /// Ingredients that the lines need.
    pub needs: Ingredients,
    /// The prices.
    pub pricing: Pricing,
    /// Distance to the customer, in metres, for a delivery.
    pub distance_m: Option<u32>,
    /// Time that would be promised.
    pub promised_at: DateTime<Utc>,
    /// Missing ingredients.
    pub missing: Vec<Missing>,
    /// Reasons to refuse it, in the order of the checks; empty if it would be accepted.
    pub obstacles: Vec<OrderError>,
}

/// Prices a basket.
///
/// # Errors
/// If lines cannot be priced (none, too many, or something that is not on the menu): everything that is wrong
/// with them, and every obstacle that does not depend on the whole price.
pub fn quote(
    menu: &Menu,
    pizzeria: &OpenedPizzeria,
    stock: &Stock,
    basket: &Basket,
    load: KitchenLoad,
    now: DateTime<Utc>,
) -> Result<Quote, Vec<OrderError>> {
    let delivered = basket.fulfilment == Fulfilment::Delivery;
    let fee = if delivered { pizzeria.delivery_fee } else { Cents::ZERO };
    let day = pricing::local_day(pizzeria, now);
    let (priced, problems) = pricing::price_what_can_be(menu, basket.fulfilment, &basket.lines, fee, day);
    let distance_m = basket.place.filter(|_| delivered).map(|place| pizzeria.place.distance_m(place));
    let reach = if delivered { reach(pizzeria, distance_m) } else { None };
    let missing = stock.missing(&priced.needs, &Ingredients::new());
    let findings = Findings { reach, distance_m, missing, load, now };
    whole(finish(priced, pizzeria, stock, basket.fulfilment, findings), problems)
}

/// Returns the quote, or what is wrong with lines that have no price, followed by the other obstacles.
fn whole(quote: Quote, mut problems: Vec<OrderError>) -> Result<Quote, Vec<OrderError>> {
    if problems.is_empty() {
        return Ok(quote);
    }
    // The minimum cannot be checked on a part of the lines.
    let of_the_price = |obstacle: &OrderError| matches!(obstacle, OrderError::BelowMinimum { .. });
    problems.extend(quote.obstacles.into_iter().filter(|obstacle| !of_the_price(obstacle)));
    Err(problems)
}

/// What was found out about a basket besides its prices.
struct Findings {
    reach: Option<OrderError>,
    distance_m: Option<u32>,
    missing: Vec<Missing>,
    load: KitchenLoad,
    now: DateTime<Utc>,
}

/// Returns the number of pizzas of some lines.
pub(super) fn pizzas(lines: &[OrderLine]) -> u32 {
    lines.iter().filter(|line| line.size.is_some()).map(|line| line.quantity).sum()
}

/// Returns why the opening hours do not allow an order, or more of it, at this time or at the promised one.
pub(super) fn ends_open(
    pizzeria: &OpenedPizzeria,
    now: DateTime<Utc>,
    promised_at: Option<DateTime<Utc>>,
) -> Option<OrderError> {
    if !pizzeria.takes_orders(now) {
        return Some(OrderError::PizzeriaClosed);
    }
    let (closes_at, promised_at) = pizzeria.closes_at(now).zip(promised_at)?;
    (promised_at > closes_at).then_some(OrderError::ClosesTooSoon { closes_at, promised_at })
}

/// Returns why an address cannot be delivered to.
fn reach(pizzeria: &OpenedPizzeria, distance_m: Option<u32>) -> Option<OrderError> {
    match distance_m {
        None => Some(OrderError::AddressRequired),
        Some(distance_m) if distance_m > pizzeria.radius_m => {
            Some(OrderError::OutOfDeliveryArea { distance_m, radius_m: pizzeria.radius_m })
        }
        Some(_) => None,
    }
}

fn finish(
    priced: Priced,
    pizzeria: &OpenedPizzeria,
    stock: &Stock,
    fulfilment: Fulfilment,
    findings: Findings,
) -> Quote {
    let subtotal = priced.pricing.subtotal;
    let promised_at = promise(findings.now, pizzas(&priced.lines), findings.load, findings.distance_m);
    let mut obstacles = Vec::new();
    obstacles.extend(ends_open(pizzeria, findings.now, Some(promised_at)));
    obstacles.extend(findings.reach);
    if fulfilment == Fulfilment::Delivery && subtotal < pizzeria.minimum {
        obstacles.push(OrderError::BelowMinimum { subtotal, minimum: pizzeria.minimum });
    }
    if priced.pricing.total > Cents::MAX_INPUT {
        // A larger total could not be given as `expectedTotal` or paid.
        let max = u32::try_from(Cents::MAX_INPUT.0 / 100).unwrap_or(u32::MAX);
        obstacles.push(OrderError::TooLarge { what: "euros".into(), max });
    }
    obstacles.extend(pricing::blocked(&priced.lines, stock));
    if !findings.missing.is_empty() {
        obstacles.push(OrderError::InsufficientStock { missing: findings.missing.clone() });
    }
    Quote {
        promised_at,
        lines: priced.lines,
        needs: priced.needs,
        pricing: priced.pricing,
        distance_m: findings.distance_m,
        missing: findings.missing,
        obstacles,
    }
}

#[cfg(test)]
mod tests;
