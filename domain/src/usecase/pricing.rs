//! Prices and ingredients of lines, at one version of the menu. Knows no stock levels and no opening hours.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::quote::BasketLine;
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{Menu, Pizza, Side};
use crate::money::Cents;
use crate::order::{Fulfilment, LinePart, OrderError, OrderLine, Pricing, TakenExtra};
use crate::pizzeria::OpenedPizzeria;
use crate::stock::Stock;
use crate::vat::{VatClass, breakdown};

/// Maximum of lines per order.
const LINES_MAX: usize = 50;
/// Maximum of pieces per line.
const PIECES_MAX: u32 = 99;
/// Maximum of extras per line.
const EXTRAS_MAX: usize = 10;

/// Priced lines with their total need of ingredients.
pub(crate) struct Priced {
    pub(crate) lines: Vec<OrderLine>,
    pub(crate) needs: Ingredients,
    pub(crate) pricing: Pricing,
}

/// Returns the local day, on which VAT rates begin.
pub(crate) fn local_day(pizzeria: &OpenedPizzeria, now: DateTime<Utc>) -> NaiveDate {
    now.with_timezone(&pizzeria.timezone).date_naive()
}

/// Prices lines, with the delivery fee `fee` and the local day `day`.
///
/// # Errors
/// Everything that is wrong with the lines.
pub(crate) fn price(
    menu: &Menu,
    fulfilment: Fulfilment,
    asked: &[BasketLine],
    fee: Cents,
    day: NaiveDate,
) -> Result<Priced, Vec<OrderError>> {
    let (priced, problems) = price_what_can_be(menu, fulfilment, asked, fee, day);
    if problems.is_empty() { Ok(priced) } else { Err(problems) }
}

/// Prices the lines that have a price, as [`price`] does, and returns what is wrong with the others.
pub(super) fn price_what_can_be(
    menu: &Menu,
    fulfilment: Fulfilment,
    asked: &[BasketLine],
    fee: Cents,
    day: NaiveDate,
) -> (Priced, Vec<OrderError>) {
    let mut problems = Vec::new();
    let on_site = fulfilment == Fulfilment::OnSite;
    let mut lines = Vec::with_capacity(asked.len());
    let mut needs = Ingredients::new();
    if asked.is_empty() {
        problems.push(OrderError::EmptyOrder);
    }
    if asked.len() > LINES_MAX {
        problems.push(too_large("lines", LINES_MAX));
    }
    for (line, number) in asked.iter().take(LINES_MAX).zip(1..) {
        let (one, wrong) = price_one(menu, line);
        let at = |(part, error)| OrderError::Line { index: number - 1, part, error: Box::new(error) };
        let is_right = wrong.is_empty();
        problems.extend(wrong.into_iter().map(at));
        let Some(one) = one.filter(|_| is_right) else { continue };
        let Some(vat_rate) = menu.vat_rate(one.vat_class, on_site, day) else {
            problems.push(at((LinePart::Item, OrderError::NoVatRate { item: line.item.clone() })));
            continue;
        };
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
    (Priced { lines, needs, pricing }, problems)
}

/// Returns the items that the pizzeria has blocked, each once.
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

/// Errors of a line, each with the part that it is about.
type Wrong = Vec<(LinePart, OrderError)>;

/// Returns the piece, if the menu has it, and everything that is wrong with the line.
fn price_one(menu: &Menu, line: &BasketLine) -> (Option<One>, Wrong) {
    let mut wrong = Wrong::new();
    if line.quantity == 0 {
        wrong.push((LinePart::Quantity, OrderError::InvalidQuantity { max: PIECES_MAX }));
    }
    if line.quantity > PIECES_MAX {
        let error = OrderError::TooLarge { what: "pieces of one line".into(), max: PIECES_MAX };
        wrong.push((LinePart::Quantity, error));
    }
    if line.extras.len() > EXTRAS_MAX {
        wrong.push((LinePart::Extras, too_large("extras on one line", EXTRAS_MAX)));
    }
    if let Some(pizza) = menu.pizzas.get(&line.item) {
        return (price_pizza(menu, pizza, line, &mut wrong), wrong);
    }
    match menu.sides.get(&line.item) {
        Some(side) => (Some(price_side(side, line, &mut wrong)), wrong),
        None => {
            wrong.push((LinePart::Item, OrderError::UnknownItem { item: line.item.clone() }));
            (None, wrong)
        }
    }
}

fn price_pizza(menu: &Menu, pizza: &Pizza, line: &BasketLine, wrong: &mut Wrong) -> Option<One> {
    let item = || pizza.code.clone();
    let mut extras = Vec::with_capacity(line.extras.len());
    for (wanted, at) in line.extras.iter().zip(0..) {
        match menu.extras.get(wanted) {
            Some(extra) => extras.push(TakenExtra {
                ingredient: extra.ingredient.clone(),
                quantity: extra.quantity,
                price: extra.price,
            }),
            None => wrong.push((
                LinePart::Extra(at),
                OrderError::UnknownExtra { item: item(), extra: wanted.clone() },
            )),
        }
    }
    let Some(sized) = line.size.and_then(|size| pizza.sizes.get(&size)) else {
        wrong.push((LinePart::Size, OrderError::UnknownSize { item: item(), size: line.size }));
        return None;
    };
    let mut needs = sized.recipe.clone();
    let mut without = BTreeSet::new();
    for (ingredient, at) in line.without.iter().zip(0..) {
        let removable = menu.ingredients.get(ingredient).is_some_and(|listed| listed.removable);
        if without.contains(ingredient) {
            continue;
        }
        if removable && needs.remove(ingredient) {
            without.insert(ingredient.clone());
        } else {
            let error = OrderError::UnknownIngredient { item: item(), ingredient: ingredient.clone() };
            wrong.push((LinePart::Without(at), error));
        }
    }
    let mut price = sized.price;
    for extra in &extras {
        needs.add(&extra.ingredient, extra.quantity);
        price = price + extra.price;
    }
    let without = without.into_iter().collect();
    Some(One { name: pizza.name.clone(), price, vat_class: VatClass::Pizza, extras, without, needs })
}

fn price_side(side: &Side, line: &BasketLine, wrong: &mut Wrong) -> One {
    let item = || side.code.clone();
    if line.size.is_some() {
        wrong.push((LinePart::Size, OrderError::UnknownSize { item: item(), size: line.size }));
    }
    for (extra, at) in line.extras.iter().zip(0..) {
        wrong.push((LinePart::Extra(at), OrderError::UnknownExtra { item: item(), extra: extra.clone() }));
    }
    for (ingredient, at) in line.without.iter().zip(0..) {
        let error = OrderError::UnknownIngredient { item: item(), ingredient: ingredient.clone() };
        wrong.push((LinePart::Without(at), error));
    }
    One {
        name: side.name.clone(),
        price: side.price,
        vat_class: side.vat_class,
        extras: Vec::new(),
        without: Vec::new(),
        needs: [(IngredientCode::from(&side.code), Quantity(1))].into_iter().collect(),
    }
}

fn too_large(what: &'static str, max: usize) -> OrderError {
    OrderError::TooLarge { what: what.into(), max: u32::try_from(max).unwrap_or(u32::MAX) }
}
