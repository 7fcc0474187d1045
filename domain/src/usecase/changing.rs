//! `changeOrderLines`: lines that stay keep their price, VAT, recipe and reservation; only what is added or grows is
//! priced and checked as new (DOMAIN.md, Order). A smaller order is never refused for what has changed since.

mod plan;
mod pricer;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::conditions::{Bound, Claim};
use super::ordering::{opened, with_stock};
use super::pricing::{self, LINES_MAX};
use super::quote::{BasketLine, ends_open, pizzas};
use super::{Decision, Refusal, States, UseCase};
use crate::ids::OrderId;
use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::money::Cents;
use crate::note::NoteRef;
use crate::order::{
    self, Fulfilment, LinesChange, OrderCommand, OrderError, OrderLine, PlacedOrder, Pricing,
};
use crate::pizzeria::OpenedPizzeria;
use crate::policies::promise::{KitchenLoad, promise};
use crate::stock::{self, Stock, StockCommand};
use crate::stream::StreamId;

use plan::Plan;
use pricer::{Edited, Pricer};

/// Edits of an order's lines, each with an index: its place in the list, or in the lists in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineEdits {
    /// The complete new lines. A line that the order has already stays.
    Whole(Vec<BasketLine>),
    /// Edits of lines by number; the others stay.
    ByLine {
        /// New lines.
        added: Vec<BasketLine>,
        /// Lines with another number of pieces; `None` edits only the note.
        edited: Vec<(u32, Option<u32>)>,
        /// Numbers of the lines that end.
        removed: Vec<u32>,
    },
}

/// `changeOrderLines`: changes lines, prices and reservation.
#[derive(Debug, Clone)]
pub struct ChangeOrderLines {
    /// The order.
    pub order: OrderId,
    /// The edits.
    pub edits: LineEdits,
    /// New notes; the line of each is the index of its edit, from 1.
    pub notes: Vec<NoteRef>,
    /// Edits, by index from 1, whose line's note ends.
    pub unnoted: Vec<u32>,
    /// Total that the caller expects, if given.
    pub expected_total: Option<Cents>,
    /// The limit that applies to the order's holders.
    pub bound: Bound,
    /// Work ahead of the order, the order included.
    pub load: KitchenLoad,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

impl ChangeOrderLines {
    fn claim<'a>(&'a self, order: &'a PlacedOrder, stock: &'a Stock) -> Claim<'a> {
        let counted =
            |lines: &[BasketLine]| lines.iter().map(|line| line.quantity).fold(0, u32::saturating_add);
        let pieces = match &self.edits {
            LineEdits::Whole(lines) => counted(lines),
            LineEdits::ByLine { added, edited, removed } => {
                let stays = order.lines.iter().filter(|line| !removed.contains(&line.line));
                let quantity = |line: &OrderLine| {
                    let edit = edited.iter().find(|(number, _)| *number == line.line);
                    edit.and_then(|(_, quantity)| *quantity).unwrap_or(line.quantity)
                };
                stays.map(quantity).fold(counted(added), u32::saturating_add)
            }
        };
        Claim {
            pizzeria: &order.pizzeria,
            holders: stock.held(self.order).map_or(&[], |held| held.by.as_slice()),
            bound: self.bound,
            order: self.order,
            pieces,
        }
    }

    /// Returns the order as edited.
    ///
    /// # Errors
    /// Everything that is wrong with the edits.
    fn edit(
        &self,
        menu: &Menu,
        pizzeria: &OpenedPizzeria,
        order: &PlacedOrder,
        held: &Ingredients,
    ) -> Result<Edited, Vec<OrderError>> {
        let plan = Plan::of(order, &self.edits)?;
        let edited = Edited {
            change: LinesChange::default(),
            lines: Vec::new(),
            new: Vec::new(),
            needs: held.clone(),
            by_index: BTreeMap::new(),
        };
        let mut pricer = Pricer { menu, pizzeria, order, now: self.now, edited, problems: Vec::new() };
        if plan.kept.is_empty() && plan.added.is_empty() {
            pricer.problems.push(OrderError::EmptyOrder);
        }
        for line in plan.removed {
            pricer.remove(line);
        }
        for (line, quantity, index) in plan.kept {
            pricer.keep(line, quantity, index);
        }
        for (index, line) in plan.added {
            pricer.add_new(index, line);
        }
        let Pricer { mut edited, mut problems, .. } = pricer;
        if edited.lines.len() > LINES_MAX {
            problems.push(pricing::too_large("lines", LINES_MAX));
        }
        edited.lines.sort_by_key(|line| line.line);
        if problems.is_empty() { Ok(edited) } else { Err(problems) }
    }

    /// Returns what prevents the change, in the order of the checks of a placement.
    fn obstacles(
        &self,
        edited: &Edited,
        states: &States<'_>,
        order: &PlacedOrder,
        pizzeria: &OpenedPizzeria,
        promised_at: Option<DateTime<Utc>>,
    ) -> Vec<OrderError> {
        let stock = states.stock(&order.pizzeria);
        let pricing = Pricing::of(&edited.lines, order.pricing.delivery_fee);
        let mut obstacles = Vec::new();
        if let Some(promised_at) = promised_at {
            // More drinks leave the kitchen no later.
            let pizzas_promised = (pizzas(&edited.lines) > pizzas(&order.lines)).then_some(promised_at);
            obstacles.extend(ends_open(pizzeria, self.now, pizzas_promised));
        }
        // The minimum is one of the terms at placement; a lower one since then applies too.
        let agreed = order.minimum.unwrap_or(order.pricing.subtotal);
        let minimum = agreed.min(pizzeria.minimum);
        if order.fulfilment == Fulfilment::Delivery && pricing.subtotal < minimum {
            obstacles.push(OrderError::BelowMinimum { subtotal: pricing.subtotal, minimum });
        }
        if !edited.new.is_empty() && pricing.total > Cents::MAX_INPUT {
            let max = u32::try_from(Cents::MAX_INPUT.0 / 100).unwrap_or(u32::MAX);
            obstacles.push(OrderError::TooLarge { what: "euros".into(), max });
        }
        obstacles.extend(pricing::blocked(&edited.new, stock));
        obstacles.extend(order::expect_total(self.expected_total, pricing.total).err());
        let nothing = Ingredients::new();
        let held = stock.reservation(self.order).unwrap_or(&nothing);
        let grown = edited.needs.iter().filter(|(code, needed)| *needed > held.get(code));
        let grown: Ingredients = grown.map(|(code, needed)| (code.clone(), needed)).collect();
        let missing = stock.missing(&grown, held);
        if !missing.is_empty() {
            obstacles.push(OrderError::InsufficientStock { missing });
        }
        obstacles
    }

    /// Returns the notes on the lines that their edits made.
    fn notes_of(&self, edited: &Edited) -> (Vec<NoteRef>, Vec<u32>) {
        let line = |index: u32| edited.by_index.get(&index.saturating_sub(1)).copied();
        let placed = |note: &NoteRef| match note.line {
            Some(index) => Some(NoteRef { line: Some(line(index)?), ..note.clone() }),
            None => Some(note.clone()),
        };
        let notes = self.notes.iter().filter_map(placed).collect();
        (notes, self.unnoted.iter().filter_map(|index| line(*index)).collect())
    }
}

impl UseCase for ChangeOrderLines {
    fn name(&self) -> &'static str {
        "changeOrderLines"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let mut streams = with_stock(self.order, states);
        if let Some(order) = states.order(self.order).placed() {
            streams.extend([StreamId::menu(), StreamId::pizzeria(&order.pizzeria)]);
            streams.extend(self.claim(order, states.stock(&order.pizzeria)).streams(states));
        }
        streams
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let order = order::changeable(states.order(self.order))?;
        let pizzeria = opened(states, &order.pizzeria)?;
        let stock = states.stock(&order.pizzeria);
        let held = stock.reservation(self.order).cloned().unwrap_or_default();
        let edited = self.edit(states.menu(), pizzeria, order, &held).map_err(all)?;
        let promised_at = (!edited.new.is_empty()).then(|| {
            // The order's own pizzas are not ahead of it.
            let ahead = self.load.pizzas.saturating_sub(pizzas(&order.lines));
            let load = KitchenLoad { pizzas: ahead, ..self.load };
            promise(self.now, pizzas(&edited.lines), load, order.distance_m)
        });
        let obstacles = self.obstacles(&edited, states, order, pizzeria, promised_at);
        if !obstacles.is_empty() {
            return Err(all(obstacles));
        }
        let claim = self.claim(order, stock);
        let bounded = stock.held(self.order);
        if bounded.is_some_and(|held| held.pieces < claim.pieces) {
            claim.check(states)?;
        }
        let (notes, unnoted) = self.notes_of(&edited);
        let change =
            OrderCommand::ChangeLines { change: edited.change, promised_at, notes, unnoted, now: self.now };
        let changed = order::decide(states.order(self.order), change)?;
        let decision = Decision::on(StreamId::order(self.order), changed);
        if edited.needs == held && bounded.is_none_or(|held| held.pieces == claim.pieces) {
            return Ok(decision);
        }
        let reserve = StockCommand::ChangeReservation {
            order: self.order,
            lines: edited.needs,
            pieces: claim.pieces,
            now: self.now,
        };
        Ok(decision.and(StreamId::stock(&order.pizzeria), stock::decide(stock, reserve)?))
    }
}

fn all(errors: Vec<OrderError>) -> Refusal {
    let refusals = errors.into_iter().map(Refusal::from).collect();
    Refusal::all(refusals).unwrap_or(OrderError::EmptyOrder.into())
}
