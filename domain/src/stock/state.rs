//! The state of a stock, folded from its events.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::events::{Held, StockEvent};
use crate::ids::{HolderId, IngredientCode, ItemCode, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::order::Missing;

/// One ingredient's level, in its unit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// On the shelf; never negative.
    pub on_hand: i64,
    /// Set aside for orders not yet started; never negative.
    pub reserved: i64,
    /// Low is less than this available.
    pub threshold: Quantity,
    /// Whether it was last said to be low.
    pub low: bool,
}

impl Level {
    /// On hand less reserved; negative only after a count or a waste left less than was reserved.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }
}

/// What is blocked: a pizza in one size, or in every size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockKey {
    /// The pizza.
    pub pizza: ItemCode,
    /// One size, or every size.
    pub size: Option<PizzaSize>,
}

/// How many supplier's delivery notes a stock remembers: months of them. A note that is entered twice is
/// entered twice within days; remembering all would make the state, each snapshot of it and each load from
/// one grow for as long as the pizzeria is open.
pub(crate) const RECEIPTS: usize = 500;

/// The stock of one pizzeria.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    levels: BTreeMap<IngredientCode, Level>,
    reservations: BTreeMap<OrderId, Ingredients>,
    /// For whom those reservations are that are bounded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    held: BTreeMap<OrderId, Held>,
    /// The latest supplier's delivery notes, at most [`RECEIPTS`], the latest last.
    receipts: VecDeque<(String, String)>,
    blocked: Vec<(BlockKey, String)>,
    accepted: u64,
    waiting: u64,
}

impl Stock {
    /// Every ingredient ever seen, by code.
    pub fn levels(&self) -> impl Iterator<Item = (&IngredientCode, &Level)> {
        self.levels.iter()
    }

    /// One ingredient; all zero when it was never seen.
    pub fn level(&self, ingredient: &IngredientCode) -> Level {
        self.levels.get(ingredient).cloned().unwrap_or_default()
    }

    /// On hand less reserved; see [`Level::available`].
    pub fn available(&self, ingredient: &IngredientCode) -> i64 {
        self.levels.get(ingredient).map_or(0, Level::available)
    }

    /// What is reserved for an order that has not been started.
    pub fn reservation(&self, order: OrderId) -> Option<&Ingredients> {
        self.reservations.get(&order)
    }

    /// The orders with a reservation, oldest first (their ids are in order of time).
    pub fn reservations(&self) -> impl Iterator<Item = (OrderId, &Ingredients)> {
        self.reservations.iter().map(|(order, lines)| (*order, lines))
    }

    /// For whom a reservation is, where that is bounded.
    pub fn held(&self, order: OrderId) -> Option<&Held> {
        self.held.get(&order)
    }

    /// The reserved orders that share a holder with these, with their pieces, oldest first.
    pub fn held_by<'a>(&'a self, holders: &'a [HolderId]) -> impl Iterator<Item = (OrderId, u32)> + 'a {
        let of = |held: &Held| held.by.iter().any(|holder| holders.contains(holder));
        let held = self.held.iter().filter(move |(_, held)| of(held));
        held.map(|(order, held)| (*order, held.pieces))
    }

    /// How many orders are waiting to be started.
    pub fn waiting_orders(&self) -> usize {
        usize::try_from(self.waiting).unwrap_or(usize::MAX)
    }

    /// How many entries it holds; the delivery notes, which are short and bounded, not counted.
    pub(crate) fn weight(&self) -> usize {
        self.levels.len() + self.reservations.len() + self.blocked.len()
    }

    /// Without who reserved what and which notes were received, which only deciding needs: the levels
    /// and the blocks, which stay small however many orders wait. Goes on evolving as the whole does.
    #[must_use]
    pub fn levels_only(mut self) -> Self {
        self.reservations.clear();
        self.held.clear();
        self.receipts.clear();
        self
    }

    /// Whether a supplier's delivery note is among the latest that were received.
    pub fn has_receipt(&self, supplier: &str, delivery_note: &str) -> bool {
        self.receipts.iter().any(|(from, note)| from == supplier && note == delivery_note)
    }

    /// Why a pizza in a size is blocked, if it is.
    pub fn blocked(&self, pizza: &ItemCode, size: PizzaSize) -> Option<&str> {
        self.blocked
            .iter()
            .find(|(key, _)| key.pizza == *pizza && key.size.is_none_or(|blocked| blocked == size))
            .map(|(_, reason)| reason.as_str())
    }

    /// Everything that is blocked, with the reasons, oldest first.
    pub fn blocks(&self) -> &[(BlockKey, String)] {
        &self.blocked
    }

    /// How many orders were ever accepted: the next order's number is one more.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// What is missing to reserve `needs`, with what `freed` would give back first; empty when there is enough.
    pub fn missing(&self, needs: &Ingredients, freed: &Ingredients) -> Vec<Missing> {
        needs
            .iter()
            .filter_map(|(ingredient, needed)| {
                let available = self.available(ingredient) + freed.get(ingredient).signed();
                (available < needed.signed()).then(|| Missing {
                    ingredient: ingredient.clone(),
                    needed,
                    available: Quantity(u32::try_from(available.max(0)).unwrap_or(u32::MAX)),
                })
            })
            .collect()
    }

    fn level_mut(&mut self, ingredient: &IngredientCode) -> &mut Level {
        self.levels.entry(ingredient.clone()).or_default()
    }

    fn reserve(&mut self, lines: &Ingredients, sign: i64) {
        for (ingredient, quantity) in lines.iter() {
            let level = self.level_mut(ingredient);
            level.reserved = (level.reserved + sign * quantity.signed()).max(0);
        }
    }

    fn shelve(&mut self, lines: &Ingredients, sign: i64) {
        for (ingredient, quantity) in lines.iter() {
            let level = self.level_mut(ingredient);
            level.on_hand = (level.on_hand + sign * quantity.signed()).max(0);
        }
    }

    /// Applies one event. Total: no level goes below zero, whatever comes. Levels follow from what the
    /// events themselves say, so that they need no reservations to go on ([`Self::levels_only`]).
    pub fn evolve(&mut self, event: &StockEvent) {
        match event {
            StockEvent::IngredientsReserved { order, lines, held, .. } => {
                if let Some(held) = held {
                    self.held.insert(*order, held.clone());
                }
                self.reserve(lines, 1);
                self.accepted += 1;
                self.waiting += 1;
                self.reservations.insert(*order, lines.clone());
            }
            StockEvent::ReservationChanged { order, lines, previous, pieces, .. } => {
                if let (Some(held), Some(pieces)) = (self.held.get_mut(order), pieces) {
                    held.pieces = *pieces;
                }
                self.reserve(previous, -1);
                self.reserve(lines, 1);
                self.reservations.insert(*order, lines.clone());
            }
            StockEvent::ReservationReleased { order, lines, .. } => {
                self.reserve(lines, -1);
                self.waiting = self.waiting.saturating_sub(1);
                self.reservations.remove(order);
                self.held.remove(order);
            }
            StockEvent::ReservationConsumed { order, lines, .. } => {
                self.reserve(lines, -1);
                self.shelve(lines, -1);
                self.waiting = self.waiting.saturating_sub(1);
                self.reservations.remove(order);
                self.held.remove(order);
            }
            StockEvent::SupplyReceived { supplier, delivery_note, lines, .. } => {
                if self.receipts.len() >= RECEIPTS {
                    self.receipts.pop_front();
                }
                self.receipts.push_back((supplier.clone(), delivery_note.clone()));
                self.shelve(lines, 1);
            }
            StockEvent::StockCounted { lines, .. } => {
                for line in lines {
                    self.level_mut(&line.ingredient).on_hand = line.counted.signed();
                }
            }
            StockEvent::IngredientsWasted { lines, order, .. } => {
                if order.is_none() {
                    self.shelve(lines, -1);
                }
            }
            StockEvent::TransferSent { lines, .. } => self.shelve(lines, -1),
            StockEvent::TransferReceived { lines, .. } => self.shelve(lines, 1),
            StockEvent::ThresholdSet { ingredient, threshold, .. } => {
                self.level_mut(ingredient).threshold = *threshold;
            }
            StockEvent::StockLow { ingredient, .. } => self.level_mut(ingredient).low = true,
            StockEvent::StockRecovered { ingredient, .. } => self.level_mut(ingredient).low = false,
            StockEvent::ReservationShort { .. } => {}
            StockEvent::PizzaBlocked { pizza, size, reason, .. } => {
                let key = BlockKey { pizza: pizza.clone(), size: *size };
                self.blocked.retain(|(held, _)| *held != key);
                self.blocked.push((key, reason.clone()));
            }
            StockEvent::PizzaUnblocked { pizza, size, .. } => {
                self.blocked.retain(|(key, _)| key.pizza != *pizza || key.size != *size);
            }
        }
    }
}
