//! Prices what is new about an order and takes the rest as it was sold. Knows no stock levels and no opening hours.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::order::{
    Fulfilment, LinePart, LineQuantity, LinesChange, OrderError, OrderLine, PlacedOrder, SoldLine,
};
use crate::pizzeria::OpenedPizzeria;
use crate::usecase::BasketLine;
use crate::usecase::pricing::{self, PIECES_MAX};

/// The order as the edits make it.
pub(super) struct Edited {
    pub change: LinesChange,
    pub lines: Vec<OrderLine>,
    /// Lines and growths priced as new, for the checks of new lines.
    pub new: Vec<OrderLine>,
    /// The complete new reservation.
    pub needs: Ingredients,
    /// Lines by the index of their edit.
    pub by_index: BTreeMap<u32, u32>,
}

/// Prices what is new and takes the rest as it was sold.
pub(super) struct Pricer<'a> {
    pub menu: &'a Menu,
    pub pizzeria: &'a OpenedPizzeria,
    pub order: &'a PlacedOrder,
    pub now: DateTime<Utc>,
    pub edited: Edited,
    pub problems: Vec<OrderError>,
}

impl Pricer<'_> {
    fn price(&mut self, index: u32, line: &BasketLine) -> Option<(OrderLine, Ingredients)> {
        let on_site = self.order.fulfilment == Fulfilment::OnSite;
        let day = pricing::local_day(self.pizzeria, self.now);
        pricing::price_line(self.menu, on_site, day, index, line, &mut self.problems)
    }

    fn next_line(&self) -> u32 {
        let added = u32::try_from(self.edited.change.added.len()).unwrap_or(u32::MAX);
        self.order.next_line().saturating_add(added)
    }

    fn add(&mut self, priced: OrderLine, of_one: &Ingredients) -> u32 {
        let line = OrderLine { line: self.next_line(), ..priced };
        self.edited.needs.add_all(of_one, line.quantity);
        self.edited.change.added.push(SoldLine::from(&line));
        self.edited.new.push(line.clone());
        let number = line.line;
        self.edited.lines.push(line);
        number
    }

    pub(super) fn add_new(&mut self, index: u32, line: &BasketLine) {
        if let Some((priced, of_one)) = self.price(index, line) {
            let number = self.add(priced, &of_one);
            self.edited.by_index.insert(index, number);
        }
    }

    /// Keeps a line with a number of pieces. More pieces are new: if they differ from the line's in price, VAT or
    /// recipe, they become a line of their own.
    pub(super) fn keep(&mut self, line: &OrderLine, quantity: u32, index: Option<u32>) {
        let at = index.unwrap_or_default();
        self.edited.by_index.extend(index.map(|index| (index, line.line)));
        let wrong = match quantity {
            0 => Some(OrderError::InvalidQuantity { max: PIECES_MAX }),
            1..=PIECES_MAX => None,
            _ => Some(OrderError::TooLarge { what: "pieces of one line".into(), max: PIECES_MAX }),
        };
        if let Some(error) = wrong {
            let error = Box::new(error);
            self.problems.push(OrderError::Line { index: at, part: LinePart::Quantity, error });
            return;
        }
        let sold = pricing::sold_needs(self.menu, line);
        let mut kept = line.clone();
        match quantity.checked_sub(line.quantity) {
            None => {
                self.edited.needs.take_all(&sold, line.quantity - quantity);
                kept.quantity = quantity;
            }
            Some(0) => {}
            Some(more) => {
                let Some((fresh, of_one)) = self.price(at, &more_of(line, more)) else { return };
                let is_like =
                    fresh.unit_price == line.unit_price && fresh.vat_rate == line.vat_rate && of_one == sold;
                if is_like {
                    self.edited.needs.add_all(&of_one, more);
                    self.edited.new.push(fresh);
                    kept.quantity = quantity;
                } else {
                    self.add(fresh, &of_one);
                }
            }
        }
        if kept.quantity != line.quantity {
            kept.total = kept.unit_price.times(kept.quantity);
            self.edited.change.quantities.push(LineQuantity { line: line.line, quantity: kept.quantity });
        }
        self.edited.lines.push(kept);
    }

    pub(super) fn remove(&mut self, line: &OrderLine) {
        self.edited.needs.take_all(&pricing::sold_needs(self.menu, line), line.quantity);
        self.edited.change.removed.push(line.line);
    }
}

/// Returns more pieces of a line, as a customer would order them.
fn more_of(line: &OrderLine, pieces: u32) -> BasketLine {
    BasketLine {
        item: line.item.clone(),
        size: line.size,
        quantity: pieces,
        extras: line.extras.iter().map(|extra| extra.ingredient.clone()).collect(),
        without: line.without.clone(),
    }
}
