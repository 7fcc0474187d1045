//! Demand of refused placements, reconstructed from what their refusals recorded. Never looks at a stock.

use chrono::{DateTime, Utc};

use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::money::Cents;
use crate::order::{AskedLine, Fulfilment, Missing, OrderChannel, Pricing};
use crate::pizzeria::OpenedPizzeria;
use crate::usecase::BasketLine;
use crate::usecase::pricing::{local_day, price};
use crate::vat::{VatRate, breakdown};

/// Reconstructed demand of a refused placement.
pub(super) struct Demand {
    pub(super) needs: Ingredients,
    pub(super) pricing: Pricing,
    pub(super) rates: Vec<(VatRate, Cents)>,
    pub(super) pizzas: u32,
}

/// Reconstructs the demand of a refused placement. Its total is the recorded one. The part of it above the
/// lines is the delivery fee if it equals that fee and the order was not placed at the counter; otherwise it
/// pays for extras, which the refusal does not name.
pub(super) fn demand(
    menu: &Menu,
    pizzeria: &OpenedPizzeria,
    asked: &[AskedLine],
    missing: &[Missing],
    total: Cents,
    channel: OrderChannel,
    now: DateTime<Utc>,
) -> Option<Demand> {
    let line = |line: &AskedLine| BasketLine {
        item: line.item.clone(),
        size: line.size,
        quantity: line.quantity,
        extras: Vec::new(),
        without: Vec::new(),
    };
    let lines: Vec<BasketLine> = asked.iter().map(line).collect();
    let priced = price(menu, Fulfilment::Takeaway, &lines, Cents::ZERO, local_day(pizzeria, now)).ok()?;
    let mut needs = priced.needs;
    for missing in missing {
        needs.remove(&missing.ingredient);
        needs.add(&missing.ingredient, missing.needed);
    }
    let rates: Vec<_> = priced.lines.iter().map(|line| (line.vat_rate, line.total)).collect();
    let rest = total - priced.pricing.subtotal;
    let is_fee = channel != OrderChannel::Counter && rest == pizzeria.delivery_fee && rest.0 > 0;
    let fee = if is_fee { rest } else { Cents::ZERO };
    let vat = breakdown(rates.iter().copied(), Cents(rest.0.max(0)));
    let pricing = Pricing { subtotal: total - fee, delivery_fee: fee, vat, total };
    let pizzas = asked.iter().filter(|line| line.size.is_some()).map(|line| line.quantity).sum();
    Some(Demand { needs, pricing, rates, pizzas })
}
