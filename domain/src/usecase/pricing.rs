//! What lines cost and need, at one version of the menu. Knows no stock levels and no opening hours.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::quote::BasketLine;
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{Menu, Pizza, Side};
use crate::money::Cents;
use crate::order::{Fulfilment, OrderError, OrderLine, Pricing, TakenExtra};
use crate::pizzeria::OpenedPizzeria;
use crate::stock::Stock;
use crate::vat::{VatClass, breakdown};

/// The most lines that one order has.
const LINES_MAX: usize = 50;
/// The most pieces that one line has.
const PIECES_MAX: u32 = 99;
/// The most extras that one line has.
const EXTRAS_MAX: usize = 10;

/// Lines with their prices and what they need, added up.
pub(crate) struct Priced {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) needs: Ingredients,
    pub(crate) pricing: Pricing,
}

/// The day by the pizzeria's own clocks: VAT rates begin on local days.
pub(crate) fn local_day(pizzeria: &OpenedPizzeria, now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&pizzeria.timezone).date_naive()
}

/// Prices lines; `fee` is the delivery fee that applies, `day` the local day.
pub(crate) fn price(
    menu: &Menu,
    fulfilment: Fulfilment,
    asked: &[BasketLine],
    fee: Cents,
    day: NaiveDate,
) -> Result<Priced, OrderError> {
    if asked.is_empty() {
        return Err(OrderError::EmptyOrder);
    }
    if asked.len() > LINES_MAX {
        return Err(too_large("lines", LINES_MAX));
    }
    let on_site = fulfilment == Fulfilment::OnSite;
    let mut lines = Vec::with_capacity(asked.len());
    let mut needs = Ingredients::new();
    for (line, number) in asked.iter().zip(1..) {
        let one = price_one(menu, line)?;
        let vat_rate = menu
            .vat_rate(one.vat_class, on_site, day)
            .ok_or_else(|| OrderError::NoVatRate { item: line.item.clone() })?;
        needs.add_all(&one.needs, line.quantity);
        lines.push(OrderLine {
            line: number,
            item: line.item.clone(),
            name: one.name,
            size: line.size,
            quantity: line.quantity,
            extras: one.extras,
            without: one.without,
            unit_price: one.price,
            total: one.price.times(line.quantity),
            vat_class: one.vat_class,
            vat_rate,
            recipe_version: menu.version,
            baked: false,
        });
    }
    let subtotal: Cents = lines.iter().map(|line| line.total).sum();
    let vat = breakdown(lines.iter().map(|line| (line.vat_rate, line.total)), fee);
    let pricing = Pricing { subtotal, delivery_fee: fee, vat, total: subtotal + fee };
    Ok(Priced { lines, needs, pricing })
}

/// The items that the pizzeria has blocked, each once.
pub(super) fn blocked<'a>(lines: &'a [OrderLine], stock: &'a Stock) -> impl Iterator<Item = OrderError> + 'a {
    let items: BTreeSet<&ItemCode> = lines
        .iter()
        .filter(|line| line.size.is_some_and(|size| stock.blocked(&line.item, size).is_some()))
        .map(|line| &line.item)
        .collect();
    items.into_iter().map(|item| OrderError::ItemBlocked { item: item.clone() })
}

/// One piece of a line.
struct One {
    name: String,
    price: Cents,
    vat_class: VatClass,
    extras: Vec<TakenExtra>,
    without: Vec<IngredientCode>,
    needs: Ingredients,
}

fn price_one(menu: &Menu, line: &BasketLine) -> Result<One, OrderError> {
    if line.quantity == 0 {
        // A line of nothing orders nothing.
        return Err(OrderError::EmptyOrder);
    }
    if line.quantity > PIECES_MAX {
        return Err(OrderError::TooLarge { what: "pieces of one line".into(), max: PIECES_MAX });
    }
    if line.extras.len() > EXTRAS_MAX {
        return Err(too_large("extras on one line", EXTRAS_MAX));
    }
    if let Some(pizza) = menu.pizzas.get(&line.item) {
        return price_pizza(menu, pizza, line);
    }
    match menu.sides.get(&line.item) {
        Some(side) => price_side(side, line),
        None => Err(OrderError::UnknownItem { item: line.item.clone() }),
    }
}

fn price_pizza(menu: &Menu, pizza: &Pizza, line: &BasketLine) -> Result<One, OrderError> {
    let item = || pizza.code.clone();
    let sized = line
        .size
        .and_then(|size| pizza.sizes.get(&size))
        .ok_or_else(|| OrderError::UnknownSize { item: item(), size: line.size })?;
    let mut needs = sized.recipe.clone();
    let mut without = Vec::new();
    for ingredient in line.without.iter().collect::<BTreeSet<_>>() {
        let removable = menu.ingredients.get(ingredient).is_some_and(|listed| listed.removable);
        if !removable || !needs.remove(ingredient) {
            return Err(OrderError::UnknownIngredient { item: item(), ingredient: ingredient.clone() });
        }
        without.push(ingredient.clone());
    }
    let mut price = sized.price;
    let mut extras = Vec::with_capacity(line.extras.len());
    for wanted in &line.extras {
        let extra = menu
            .extras
            .get(wanted)
            .ok_or_else(|| OrderError::UnknownExtra { item: item(), extra: wanted.clone() })?;
        needs.add(&extra.ingredient, extra.quantity);
        price = price + extra.price;
        extras.push(TakenExtra {
            ingredient: extra.ingredient.clone(),
            quantity: extra.quantity,
            price: extra.price,
        });
    }
    Ok(One { name: pizza.name.clone(), price, vat_class: VatClass::Pizza, extras, without, needs })
}

fn price_side(side: &Side, line: &BasketLine) -> Result<One, OrderError> {
    let item = || side.code.clone();
    if line.size.is_some() {
        return Err(OrderError::UnknownSize { item: item(), size: line.size });
    }
    if let Some(extra) = line.extras.first() {
        return Err(OrderError::UnknownExtra { item: item(), extra: extra.clone() });
    }
    if let Some(ingredient) = line.without.first() {
        return Err(OrderError::UnknownIngredient { item: item(), ingredient: ingredient.clone() });
    }
    Ok(One {
        name: side.name.clone(),
        price: side.price,
        vat_class: side.vat_class,
        extras: Vec::new(),
        without: Vec::new(),
        needs: [(IngredientCode::from(&side.code), Quantity(1))].into_iter().collect(),
    })
}

fn too_large(what: &'static str, max: usize) -> OrderError {
    OrderError::TooLarge { what: what.into(), max: u32::try_from(max).unwrap_or(u32::MAX) }
}
