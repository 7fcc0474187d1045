//! `changeOrderLines`: lines that stay keep their price, VAT, recipe and reservation; only what is added or grows is
//! priced and checked as new (DOMAIN.md, Order). A smaller order is never refused for what has changed since.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::conditions::{Bound, Claim};
use super::ordering::{opened, with_stock};
use super::pricing::{self, LINES_MAX, PIECES_MAX};
use super::quote::{BasketLine, ends_open, pizzas};
use super::{Decision, Refusal, States, UseCase};
use crate::ids::OrderId;
use crate::ingredients::Ingredients;
use crate::menu::Menu;
use crate::money::Cents;
use crate::note::NoteRef;
use crate::order::{
    self, Fulfilment, LinePart, LineQuantity, LinesChange, OrderCommand, OrderError, OrderLine, PlacedOrder,
    Pricing, SoldLine,
};
use crate::pizzeria::OpenedPizzeria;
use crate::policies::promise::{KitchenLoad, promise};
use crate::stock::{self, Stock, StockCommand};
use crate::stream::StreamId;

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

/// What the edits ask for, in terms of the order's lines.
#[derive(Default)]
struct Plan<'a> {
    /// Lines that stay, with their new number of pieces and the index of their edit.
    kept: Vec<(&'a OrderLine, u32, Option<u32>)>,
    added: Vec<(u32, &'a BasketLine)>,
    removed: Vec<&'a OrderLine>,
}

impl<'a> Plan<'a> {
    fn of(order: &'a PlacedOrder, edits: &'a LineEdits) -> Result<Self, Vec<OrderError>> {
        match edits {
            LineEdits::Whole(lines) => Ok(Self::of_whole(order, lines)),
            LineEdits::ByLine { added, edited, removed } => Self::by_line(order, added, edited, removed),
        }
    }

    fn of_whole(order: &'a PlacedOrder, lines: &'a [BasketLine]) -> Self {
        let mut plan = Self::default();
        let mut left: Vec<&OrderLine> = order.lines.iter().collect();
        for (line, index) in lines.iter().zip(0..) {
            // Of several equal lines, the one with the same number of pieces.
            let same = |exactly: bool| {
                let is = move |there: &&OrderLine| {
                    is_same(there, line) && (!exactly || there.quantity == line.quantity)
                };
                left.iter().position(is)
            };
            match same(true).or_else(|| same(false)) {
                Some(at) => plan.kept.push((left.remove(at), line.quantity, Some(index))),
                None => plan.added.push((index, line)),
            }
        }
        plan.removed = left;
        plan
    }

    fn by_line(
        order: &'a PlacedOrder,
        added: &'a [BasketLine],
        edited: &[(u32, Option<u32>)],
        removed: &[u32],
    ) -> Result<Self, Vec<OrderError>> {
        let named = || edited.iter().map(|(line, _)| *line).chain(removed.iter().copied());
        let is_unknown =
            |line: &u32| order.line(*line).is_none() || named().filter(|again| again == line).count() > 1;
        let unknown: Vec<OrderError> =
            named().filter(is_unknown).map(|line| OrderError::UnknownLine { line }).collect();
        if !unknown.is_empty() {
            return Err(unknown);
        }
        let mut plan = Self { added: (0..).zip(added).collect(), ..Self::default() };
        let first = u32::try_from(added.len()).unwrap_or(u32::MAX);
        for line in &order.lines {
            let edit = edited.iter().zip(first..).find(|((number, _), _)| *number == line.line);
            if removed.contains(&line.line) {
                plan.removed.push(line);
            } else {
                let quantity = edit.and_then(|((_, quantity), _)| *quantity).unwrap_or(line.quantity);
                plan.kept.push((line, quantity, edit.map(|(_, index)| index)));
            }
        }
        Ok(plan)
    }
}

/// Whether two lines are the same but for their number of pieces.
fn is_same(before: &OrderLine, line: &BasketLine) -> bool {
    let mut extras: Vec<_> = before.extras.iter().map(|extra| &extra.ingredient).collect();
    let mut asked: Vec<_> = line.extras.iter().collect();
    let (mut without, mut left_out): (Vec<_>, Vec<_>) =
        (before.without.iter().collect(), line.without.iter().collect());
    extras.sort();
    asked.sort();
    without.sort();
    left_out.sort();
    left_out.dedup();
    before.item == line.item && before.size == line.size && extras == asked && without == left_out
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

/// The order as the edits make it.
struct Edited {
    change: LinesChange,
    lines: Vec<OrderLine>,
    /// Lines and growths priced as new, for the checks of new lines.
    new: Vec<OrderLine>,
    /// The complete new reservation.
    needs: Ingredients,
    /// Lines by the index of their edit.
    by_index: BTreeMap<u32, u32>,
}

/// Prices what is new and takes the rest as it was sold.
struct Pricer<'a> {
    menu: &'a Menu,
    pizzeria: &'a OpenedPizzeria,
    order: &'a PlacedOrder,
    now: DateTime<Utc>,
    edited: Edited,
    problems: Vec<OrderError>,
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

    fn add_new(&mut self, index: u32, line: &BasketLine) {
        if let Some((priced, of_one)) = self.price(index, line) {
            let number = self.add(priced, &of_one);
            self.edited.by_index.insert(index, number);
        }
    }

    /// Keeps a line with a number of pieces. More pieces are new: if they differ from the line's in price, VAT or
    /// recipe, they become a line of their own.
    fn keep(&mut self, line: &OrderLine, quantity: u32, index: Option<u32>) {
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

    fn remove(&mut self, line: &OrderLine) {
        self.edited.needs.take_all(&pricing::sold_needs(self.menu, line), line.quantity);
        self.edited.change.removed.push(line.line);
    }
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
