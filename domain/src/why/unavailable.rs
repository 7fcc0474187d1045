//! Why a pizza could not be made at an instant: which ingredients were short, since when, what used them
//! up, and how much more would have been enough.
//!
//! A [`Trace`] is fed the events of one stock, in order, from some state on. It remembers of each ingredient
//! of the recipe what changed its level since it was last replenished, that is since goods came in, or were
//! found by a count, that left enough for one pizza.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::ids::{IngredientCode, ItemCode, LogPosition, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{Makeable, Menu, PizzaSize};
use crate::stock::{Stock, StockEvent};

/// How many movements of an ingredient are remembered: the latest so many. The older ones are counted.
pub const MOVEMENTS_KEPT: usize = 1_000;

/// An event's place in the log, and when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Its position.
    pub position: LogPosition,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

/// An event that changed how much of an ingredient was available.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Where and when.
    pub mark: Mark,
    /// The event's type, `IngredientsReserved`.
    pub event_type: &'static str,
    /// The order that it was for.
    pub order: Option<OrderId>,
    /// Available before it: on hand less reserved, in the ingredient's unit.
    pub before: i64,
    /// Available after it.
    pub after: i64,
}

impl Movement {
    /// What it added; negative for what it took.
    pub fn quantity(&self) -> i64 {
        self.after - self.before
    }
}

/// An ingredient of which there was not enough for one pizza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// What one pizza takes.
    pub needed: Quantity,
    /// What was available; negative when more was reserved than there was.
    pub available: i64,
    /// Since which event it has been short; none when it always was, or since before what was read.
    pub since: Option<Mark>,
    /// What last left enough; none when nothing ever did, or before what was read.
    pub replenished: Option<Movement>,
    /// What has changed the level since, oldest first: the latest [`MOVEMENTS_KEPT`].
    pub movements: Vec<Movement>,
    /// How many there were, those that are no longer remembered included.
    pub moved: usize,
}

impl Shortage {
    /// How much more would have been enough for one pizza.
    pub fn lacking(&self) -> i64 {
        self.needed.signed() - self.available
    }
}

/// The pizzeria had taken the pizza off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Why, in its words.
    pub reason: String,
    /// Since which event; none when it was before what was read.
    pub since: Option<Mark>,
}

/// Whether a pizza could be made, and why not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// How many could be made, and of which ingredient there was least.
    pub makeable: Makeable,
    /// Since which event it could not be had without a break, be it short or blocked; none when it could, when
    /// it never could, or since before what was read.
    pub since: Option<Mark>,
    /// What was short: the limiting ingredient first, then by code. Empty when the stock sufficed.
    pub shortages: Vec<Shortage>,
    /// The block, if there was one.
    pub block: Option<Block>,
    /// Whether everything that led to it was read: where not, what happened earlier is not in it.
    pub complete: bool,
}

/// What is remembered of one ingredient.
#[derive(Debug)]
struct Track {
    ingredient: IngredientCode,
    needed: Quantity,
    since: Option<Mark>,
    replenished: Option<Movement>,
    movements: VecDeque<Movement>,
    moved: usize,
}

/// Follows a stock, for one pizza in one size.
#[derive(Debug)]
pub struct Trace {
    pizza: ItemCode,
    size: PizzaSize,
    stock: Stock,
    tracks: Vec<Track>,
    /// Whether nothing happened before what it is fed.
    whole: bool,
    since: Option<Mark>,
    blocked_since: Option<Mark>,
}

impl Trace {
    /// From a stock's state before the events that follow. `whole` says that nothing happened before them.
    pub fn new(pizza: &ItemCode, size: PizzaSize, recipe: &Ingredients, stock: Stock, whole: bool) -> Self {
        let track = |(ingredient, needed): (&IngredientCode, Quantity)| Track {
            ingredient: ingredient.clone(),
            needed,
            since: None,
            replenished: None,
            movements: VecDeque::new(),
            moved: 0,
        };
        Self {
            pizza: pizza.clone(),
            size,
            stock: stock.levels_only(),
            tracks: recipe.iter().filter(|(_, needed)| needed.0 > 0).map(track).collect(),
            whole,
            since: None,
            blocked_since: None,
        }
    }

    fn is_available(&self) -> bool {
        let enough = |track: &Track| self.stock.available(&track.ingredient) >= track.needed.signed();
        self.tracks.iter().all(enough) && self.stock.blocked(&self.pizza, self.size).is_none()
    }

    /// Takes the next event of the stock.
    pub fn record(&mut self, mark: Mark, event: &StockEvent) {
        let (was_available, was_blocked) =
            (self.is_available(), self.stock.blocked(&self.pizza, self.size).is_some());
        let levels: Vec<i64> =
            self.tracks.iter().map(|track| self.stock.available(&track.ingredient)).collect();
        self.stock.evolve(event);
        for (track, before) in self.tracks.iter_mut().zip(levels) {
            let after = self.stock.available(&track.ingredient);
            if after != before {
                let order = order_of(event);
                track.record(
                    Movement { mark, event_type: event.name(), order, before, after },
                    replenishes(event),
                );
            }
        }
        let is_blocked = self.stock.blocked(&self.pizza, self.size).is_some();
        if is_blocked != was_blocked {
            self.blocked_since = is_blocked.then_some(mark);
        }
        match (was_available, self.is_available()) {
            (true, false) => self.since = Some(mark),
            (false, true) => self.since = None,
            (true, true) | (false, false) => {}
        }
    }

    /// What came of it, by the menu whose recipe is followed.
    pub fn explain(self, menu: &Menu) -> Explanation {
        let none = Makeable { count: 0, limiting: None, blocked: false };
        let makeable = menu.makeable(&self.pizza, self.size, &self.stock).unwrap_or(none);
        let reason = self.stock.blocked(&self.pizza, self.size).map(str::to_owned);
        let block = reason.map(|reason| Block { reason, since: self.blocked_since });
        let mut shortages: Vec<Shortage> =
            self.tracks.into_iter().filter_map(|track| track.shortage(&self.stock)).collect();
        shortages.sort_by_key(|short| Some(&short.ingredient) != makeable.limiting.as_ref());
        let read_since = |block: &Block| block.since.is_some();
        let explained = shortages.iter().all(|short| short.replenished.is_some())
            && block.as_ref().is_none_or(read_since)
            && self.since.is_some();
        let complete = self.whole || explained || (shortages.is_empty() && block.is_none());
        Explanation { makeable, since: self.since, shortages, block, complete }
    }
}

impl Track {
    fn record(&mut self, movement: Movement, replenishes: bool) {
        let needed = self.needed.signed();
        if movement.after >= needed {
            self.since = None;
        } else if movement.before >= needed {
            self.since = Some(movement.mark);
        }
        if replenishes && movement.quantity() > 0 && movement.after >= needed {
            self.movements.clear();
            self.moved = 0;
            self.replenished = Some(movement);
            return;
        }
        if self.movements.len() == MOVEMENTS_KEPT {
            self.movements.pop_front();
        }
        self.movements.push_back(movement);
        self.moved += 1;
    }

    fn shortage(self, stock: &Stock) -> Option<Shortage> {
        let available = stock.available(&self.ingredient);
        (available < self.needed.signed()).then(|| Shortage {
            ingredient: self.ingredient,
            needed: self.needed,
            available,
            since: self.since,
            replenished: self.replenished,
            movements: self.movements.into(),
            moved: self.moved,
        })
    }
}

/// Whether goods came in by it, or were found; what an order gives back is no replenishment.
fn replenishes(event: &StockEvent) -> bool {
    match event {
        StockEvent::SupplyReceived { .. }
        | StockEvent::TransferReceived { .. }
        | StockEvent::StockCounted { .. } => true,
        StockEvent::IngredientsReserved { .. }
        | StockEvent::ReservationChanged { .. }
        | StockEvent::ReservationReleased { .. }
        | StockEvent::ReservationConsumed { .. }
        | StockEvent::IngredientsWasted { .. }
        | StockEvent::TransferSent { .. }
        | StockEvent::ThresholdSet { .. }
        | StockEvent::StockLow { .. }
        | StockEvent::StockRecovered { .. }
        | StockEvent::ReservationShort { .. }
        | StockEvent::PizzaBlocked { .. }
        | StockEvent::PizzaUnblocked { .. } => false,
    }
}

fn order_of(event: &StockEvent) -> Option<OrderId> {
    match event {
        StockEvent::IngredientsReserved { order, .. }
        | StockEvent::ReservationChanged { order, .. }
        | StockEvent::ReservationReleased { order, .. }
        | StockEvent::ReservationConsumed { order, .. } => Some(*order),
        StockEvent::IngredientsWasted { order, .. } => *order,
        StockEvent::SupplyReceived { .. }
        | StockEvent::StockCounted { .. }
        | StockEvent::TransferSent { .. }
        | StockEvent::TransferReceived { .. }
        | StockEvent::ThresholdSet { .. }
        | StockEvent::StockLow { .. }
        | StockEvent::StockRecovered { .. }
        | StockEvent::ReservationShort { .. }
        | StockEvent::PizzaBlocked { .. }
        | StockEvent::PizzaUnblocked { .. } => None,
    }
}
