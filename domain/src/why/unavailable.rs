//! Explains why a pizza could not be made at an instant: the short ingredients, since when, what used them
//! up, and how much was lacking. Pure; never reads the log.
//!
//! A [`Trace`] applies the events of one stock, in order, from some state on. For each ingredient of the
//! recipe it keeps the movements since the last replenishment, that is since goods came in, or were found by
//! a count, that left enough for one pizza.

use std::collections::VecDeque;

use chrono::{DateTime, Utc};

use crate::ids::{IngredientCode, ItemCode, LogPosition, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::{Makeable, Menu, PizzaSize};
use crate::note::Reason;
use crate::stock::{Stock, StockEvent};

/// Number of movements kept per ingredient, the latest; older ones are only counted.
pub const MOVEMENTS_KEPT: usize = 1_000;

/// Position and time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// Position in the log.
    pub position: LogPosition,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

/// Event that changed the available quantity of an ingredient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Position and time of the event.
    pub mark: Mark,
    /// Name of the event, such as `IngredientsReserved`.
    pub event_type: &'static str,
    /// The order of the movement.
    pub order: Option<OrderId>,
    /// Available quantity before: on hand less reserved, in the ingredient's unit.
    pub before: i64,
    /// Available quantity after.
    pub after: i64,
}

impl Movement {
    /// Returns the difference; negative if it took some.
    pub fn quantity(&self) -> i64 {
        self.after - self.before
    }
}

/// Ingredient that did not suffice for one pizza.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// The ingredient.
    pub ingredient: IngredientCode,
    /// Quantity that one pizza takes.
    pub needed: Quantity,
    /// Quantity available; negative if more was reserved than was on hand.
    pub available: i64,
    /// Event since which it is short; `None` if it always was, or since before the events read.
    pub since: Option<Mark>,
    /// The last replenishment that left enough; `None` if there was none among the events read.
    pub replenished: Option<Movement>,
    /// Movements since then, oldest first: the latest [`MOVEMENTS_KEPT`].
    pub movements: Vec<Movement>,
    /// Number of movements, those no longer kept included.
    pub moved: usize,
}

impl Shortage {
    /// Returns the quantity lacking for one pizza.
    pub fn lacking(&self) -> i64 {
        self.needed.signed() - self.available
    }
}

/// Block of a pizza by the pizzeria.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The pizzeria's reason.
    pub reason: Reason,
    /// Event since which it is blocked; `None` if before the events read.
    pub since: Option<Mark>,
}

/// Explanation of whether a pizza could be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// How many could be made, and the limiting ingredient.
    pub makeable: Makeable,
    /// Event since which it was continuously short or blocked; `None` if it was available, never was, or not
    /// since before the events read.
    pub since: Option<Mark>,
    /// Short ingredients: the limiting one first, then by code. Empty if the stock sufficed.
    pub shortages: Vec<Shortage>,
    /// The block, if it was blocked.
    pub block: Option<Block>,
    /// Whether all its causes are among the events read.
    pub complete: bool,
}

/// Trace of one ingredient.
#[derive(Debug)]
struct Track {
    ingredient: IngredientCode,
    needed: Quantity,
    since: Option<Mark>,
    replenished: Option<Movement>,
    movements: VecDeque<Movement>,
    moved: usize,
}

/// Trace of a stock, for one pizza in one size.
#[derive(Debug)]
pub struct Trace {
    pizza: ItemCode,
    size: PizzaSize,
    stock: Stock,
    tracks: Vec<Track>,
    /// Whether the events begin with the stream's first.
    whole: bool,
    since: Option<Mark>,
    blocked_since: Option<Mark>,
}

impl Trace {
    /// Starts from a stock's state. `whole` says whether the events that follow begin with the stream's
    /// first.
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

    /// Applies the next event of the stock.
    pub fn record(&mut self, mark: Mark, event: &StockEvent) {
        let (was_available, was_blocked) =
            (self.is_available(), self.stock.blocked(&self.pizza, self.size).is_some());
        let levels: Vec<i64> =
            self.tracks.iter().map(|track| self.stock.available(&track.ingredient)).collect();
        self.stock.evolve(event);
        for (track, before) in self.tracks.iter_mut().zip(levels) {
            let after = self.stock.available(&track.ingredient);
            if after != before {
                let facts = event.facts();
                let movement = Movement { mark, event_type: event.name(), order: facts.order, before, after };
                track.record(movement, facts.replenishes);
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

    /// Returns the explanation, by the menu whose recipe is followed.
    pub fn explain(self, menu: &Menu) -> Explanation {
        let none = Makeable { count: 0, limiting: None, blocked: false };
        let makeable = menu.makeable(&self.pizza, self.size, &self.stock).unwrap_or(none);
        let reason = self.stock.blocked(&self.pizza, self.size);
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
