//! State of a stock, folded from its events. Folding never fails.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::events::{Held, StockEvent};
use super::holds::Holds;
use crate::ids::{HolderId, IngredientCode, ItemCode, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::PizzaSize;
use crate::note::{NoteRef, Reason};
use crate::order::Missing;

/// Level of one ingredient, in its unit: the sum of its movements, never clamped, so that a later count finds
/// the whole variance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// On the shelf by the log; negative if more was used than the last count left.
    pub on_hand: i64,
    /// Reserved for orders not yet started.
    pub reserved: i64,
    /// Low means less than this available.
    pub threshold: Quantity,
    /// Whether the last crossing event was [`StockEvent::StockLow`].
    pub low: bool,
}

impl Level {
    /// Returns on hand less reserved; negative only after a count or a waste left less than is reserved.
    pub fn available(&self) -> i64 {
        self.on_hand - self.reserved
    }

    /// Returns the level as people are shown it: a shelf holds no less than nothing.
    #[must_use]
    pub fn shown(&self) -> Self {
        Self { on_hand: self.on_hand.max(0), reserved: self.reserved.max(0), ..self.clone() }
    }
}

/// Blocked pizza, in one size or in every size.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct BlockKey {
    /// The pizza.
    pub pizza: ItemCode,
    /// One size, or every size if `None`.
    pub size: Option<PizzaSize>,
}

/// Number of delivery notes that a stock remembers, some months of them. A duplicate is entered within days;
/// remembering all notes would let the state and its snapshots grow without bound.
pub(crate) const RECEIPTS: usize = 500;

/// The stock of one pizzeria.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stock {
    levels: BTreeMap<IngredientCode, Level>,
    reservations: BTreeMap<OrderId, Ingredients>,
    /// The holders of the reservations that are bounded.
    #[serde(default, skip_serializing_if = "Holds::is_empty")]
    held: Holds,
    /// The latest delivery notes, at most [`RECEIPTS`], latest last.
    receipts: VecDeque<(String, String)>,
    blocked: Vec<(BlockKey, String)>,
    /// The notes of the blocks' reasons. Beside the texts, so that the previous release reads the state.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    block_notes: Vec<(BlockKey, NoteRef)>,
    accepted: u64,
    waiting: u64,
}

impl Stock {
    /// Returns every ingredient ever seen, by code.
    pub fn levels(&self) -> impl Iterator<Item = (&IngredientCode, &Level)> {
        self.levels.iter()
    }

    /// Returns the level of an ingredient; all 0 if it was never seen.
    pub fn level(&self, ingredient: &IngredientCode) -> Level {
        self.levels.get(ingredient).cloned().unwrap_or_default()
    }

    /// Returns the quantity available, [`Level::available`].
    pub fn available(&self, ingredient: &IngredientCode) -> i64 {
        self.levels.get(ingredient).map_or(0, Level::available)
    }

    /// Returns the reservation of an order that has not been started.
    pub fn reservation(&self, order: OrderId) -> Option<&Ingredients> {
        self.reservations.get(&order)
    }

    /// Returns the orders with a reservation, oldest first (their ids are in order of time).
    pub fn reservations(&self) -> impl Iterator<Item = (OrderId, &Ingredients)> {
        self.reservations.iter().map(|(order, lines)| (*order, lines))
    }

    /// Returns the holders of a reservation, if it is bounded.
    pub fn held(&self, order: OrderId) -> Option<&Held> {
        self.held.get(order)
    }

    /// Returns the reserved orders that share a holder with `holders`, with their pieces, oldest first.
    pub fn held_by(&self, holders: &[HolderId]) -> impl Iterator<Item = (OrderId, u32)> {
        self.held.of(holders)
    }

    /// Returns the number of orders waiting to be started.
    pub fn waiting_orders(&self) -> usize {
        usize::try_from(self.waiting).unwrap_or(usize::MAX)
    }

    /// Returns the number of entries, without the delivery notes, which are short and bounded.
    pub(crate) fn weight(&self) -> usize {
        self.levels.len() + self.reservations.len() + self.blocked.len()
    }

    /// Drops reservations and delivery notes, which only decisions need. The levels and blocks that remain
    /// stay small however many orders wait, and evolve as those of the whole stock.
    #[must_use]
    pub fn levels_only(mut self) -> Self {
        self.reservations.clear();
        self.held = Holds::default();
        self.receipts.clear();
        self
    }

    /// Whether a supplier's delivery note is among the latest that were received.
    pub fn has_receipt(&self, supplier: &str, delivery_note: &str) -> bool {
        self.receipts.iter().any(|(from, note)| from == supplier && note == delivery_note)
    }

    fn unblock(&mut self, key: &BlockKey) {
        self.blocked.retain(|(blocked, _)| blocked != key);
        self.block_notes.retain(|(blocked, _)| blocked != key);
    }

    /// Returns the reason of a block, if the pizza is blocked in that size.
    pub fn blocked(&self, pizza: &ItemCode, size: PizzaSize) -> Option<Reason> {
        let covers = |key: &BlockKey| key.pizza == *pizza && key.size.is_none_or(|blocked| blocked == size);
        self.blocks().find(|(key, _)| covers(key)).map(|(_, reason)| reason)
    }

    /// Returns every block with its reason, oldest first.
    pub fn blocks(&self) -> impl Iterator<Item = (&BlockKey, Reason)> {
        self.blocked.iter().map(|(key, text)| {
            let note = self.block_notes.iter().find(|(noted, _)| noted == key);
            (key, Reason { text: text.clone(), note: note.map(|(_, note)| note.clone()) })
        })
    }

    /// Returns the number of orders ever accepted; the next order's number is one more.
    pub fn accepted(&self) -> u64 {
        self.accepted
    }

    /// Returns what is missing to reserve `needs` after `freed` is given back; empty if the stock suffices.
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
            level.reserved += sign * quantity.signed();
        }
    }

    fn shelve(&mut self, lines: &Ingredients, sign: i64) {
        for (ingredient, quantity) in lines.iter() {
            let level = self.level_mut(ingredient);
            level.on_hand += sign * quantity.signed();
        }
    }

    /// Applies one event. Total. Levels follow from the events alone, so that they
    /// evolve without reservations too ([`Self::levels_only`]).
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
                if let Some(pieces) = pieces {
                    self.held.set_pieces(*order, *pieces);
                }
                self.reserve(previous, -1);
                self.reserve(lines, 1);
                self.reservations.insert(*order, lines.clone());
            }
            StockEvent::ReservationReleased { order, lines, .. } => {
                self.reserve(lines, -1);
                self.waiting = self.waiting.saturating_sub(1);
                self.reservations.remove(order);
                self.held.remove(*order);
            }
            StockEvent::ReservationConsumed { order, lines, .. } => {
                self.reserve(lines, -1);
                self.shelve(lines, -1);
                self.waiting = self.waiting.saturating_sub(1);
                self.reservations.remove(order);
                self.held.remove(*order);
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
            StockEvent::IngredientsWasted { lines, .. } | StockEvent::TransferSent { lines, .. } => {
                self.shelve(lines, -1);
            }
            StockEvent::PreparedOrderDiscarded { restocked, .. } => self.shelve(restocked, 1),
            StockEvent::TransferReceived { lines, .. } => self.shelve(lines, 1),
            StockEvent::ThresholdSet { ingredient, threshold, .. } => {
                self.level_mut(ingredient).threshold = *threshold;
            }
            StockEvent::StockLow { ingredient, .. } => self.level_mut(ingredient).low = true,
            StockEvent::StockRecovered { ingredient, .. } => self.level_mut(ingredient).low = false,
            StockEvent::ReservationShort { .. } => {}
            StockEvent::PizzaBlocked { pizza, size, reason, .. } => {
                let key = BlockKey { pizza: pizza.clone(), size: *size };
                self.unblock(&key);
                self.block_notes.extend(reason.note.iter().map(|note| (key.clone(), note.clone())));
                self.blocked.push((key, reason.text.clone()));
            }
            StockEvent::PizzaUnblocked { pizza, size, .. } => {
                self.unblock(&BlockKey { pizza: pizza.clone(), size: *size });
            }
        }
    }
}
