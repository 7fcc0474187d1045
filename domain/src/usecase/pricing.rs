//! Prices and ingredients of lines, at one version of the menu. Knows no stock levels and no opening hours.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};

use super::quote::BasketLine;
use crate::ids::{IngredientCode, ItemCode};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{Menu, Pizza, Side};
use crate::money::Cents;
use crate::order::{Fulfilment, LinePart, OrderError, OrderLine, PlacedOrder, Pricing, TakenExtra};
use crate::pizzeria::OpenedPizzeria;
use crate::stock::Stock;
use crate::vat::VatClass;

/// Maximum of lines per order.
pub(super) const LINES_MAX: usize = 50;
/// Maximum of pieces per line.
pub(super) const PIECES_MAX: u32 = 99;
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
    for (line, index) in asked.iter().take(LINES_MAX).zip(0..) {
        let Some((priced, of_one)) = price_line(menu, on_site, day, index, line, &mut problems) else {
            continue;
        };
        needs.add_all(&of_one, line.quantity);
        lines.push(OrderLine { line: index + 1, ..priced });
    }
    let pricing = Pricing::of(&lines, fee);
    (Priced { lines, needs, pricing }, problems)
}

/// Prices one line, with the needs of one piece. What is wrong with it is reported as of the line at `index`.
pub(super) fn price_line(
    menu: &Menu,
    on_site: bool,
    day: NaiveDate,
    index: u32,
    line: &BasketLine,
    problems: &mut Vec<OrderError>,
) -> Option<(OrderLine, Ingredients)> {
    let (one, wrong) = price_one(menu, line);
    let at = |(part, error)| OrderError::Line { index, part, error: Box::new(error) };
    let is_right = wrong.is_empty();
    problems.extend(wrong.into_iter().map(at));
    let one = one.filter(|_| is_right)?;
    let Some(vat_rate) = menu.vat_rate(one.vat_class, on_site, day) else {
        problems.push(at((LinePart::Item, OrderError::NoVatRate { item: line.item.clone() })));
        return None;
    };
    let priced = OrderLine {
        line: 0,
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
    };
    Some((priced, one.needs))
}

/// Returns the ingredients of one piece of a placed line, by the recipe that it was sold with. Empty if the menu does
/// not remember that recipe.
pub(super) fn sold_needs(menu: &Menu, line: &OrderLine) -> Ingredients {
    let Some(size) = line.size else { return side_needs(&line.item) };
    let mut needs = menu.recipe_at(&line.item, size, line.recipe_version).cloned().unwrap_or_default();
    for ingredient in &line.without {
        needs.remove(ingredient);
    }
    for extra in &line.extras {
        needs.add(&extra.ingredient, extra.quantity);
    }
    needs
}

/// Returns the ingredients of every piece of an order, as they were sold.
pub(super) fn order_needs(menu: &Menu, order: &PlacedOrder) -> Ingredients {
    let mut needs = Ingredients::new();
    for line in &order.lines {
        needs.add_all(&sold_needs(menu, line), line.quantity);
    }
    needs
}

/// A drink or a dessert is a stock item under its own code.
fn side_needs(item: &ItemCode) -> Ingredients {
    [(IngredientCode::from(item), Quantity(1))].into_iter().collect()
}

/// Returns the items that the pizzeria has blocked, each once.
pub(super) fn blocked<'a>(
    lines: impl IntoIterator<Item = &'a OrderLine>,
    stock: &'a Stock,
) -> impl Iterator<Item = OrderError> + 'a {
    let items: BTreeSet<&ItemCode> = lines
        .into_iter()
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
        needs: side_needs(&side.code),
    }
}

pub(super) fn too_large(what: &'static str, max: usize) -> OrderError {
    OrderError::TooLarge { what: what.into(), max: u32::try_from(max).unwrap_or(u32::MAX) }
}
