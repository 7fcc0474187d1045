//! Bounded reservations, by order and by holder. The index by holder is derived and never stored.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::events::Held;
use crate::ids::{HolderId, OrderId};

/// Reserved orders with their holders. Serialised as a map by order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Holds {
    by_order: BTreeMap<OrderId, Held>,
    by_holder: BTreeMap<HolderId, BTreeSet<OrderId>>,
}

impl Holds {
    pub(super) fn is_empty(&self) -> bool {
        self.by_order.is_empty()
    }

    pub(super) fn get(&self, order: OrderId) -> Option<&Held> {
        self.by_order.get(&order)
    }

    /// Returns the orders that share a holder with `holders`, with their pieces, oldest first.
    pub(super) fn of(&self, holders: &[HolderId]) -> impl Iterator<Item = (OrderId, u32)> {
        let orders = holders.iter().filter_map(|holder| self.by_holder.get(holder)).flatten().copied();
        let orders: BTreeSet<OrderId> = orders.collect();
        orders.into_iter().filter_map(|order| Some((order, self.get(order)?.pieces)))
    }

    pub(super) fn insert(&mut self, order: OrderId, held: Held) {
        self.remove(order);
        for holder in &held.by {
            self.by_holder.entry(*holder).or_default().insert(order);
        }
        self.by_order.insert(order, held);
    }

    pub(super) fn set_pieces(&mut self, order: OrderId, pieces: u32) {
        if let Some(held) = self.by_order.get_mut(&order) {
            held.pieces = pieces;
        }
    }

    pub(super) fn remove(&mut self, order: OrderId) {
        for holder in self.by_order.remove(&order).into_iter().flat_map(|held| held.by) {
            if let Some(orders) = self.by_holder.get_mut(&holder) {
                orders.remove(&order);
                if orders.is_empty() {
                    self.by_holder.remove(&holder);
                }
            }
        }
    }
}

impl Serialize for Holds {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.by_order.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Holds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut holds = Self::default();
        for (order, held) in BTreeMap::<OrderId, Held>::deserialize(deserializer)? {
            holds.insert(order, held);
        }
        Ok(holds)
    }
}
