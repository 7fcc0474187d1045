//! Folds events of orders into figures. Pure, and the same for a day as for the whole log.

use std::collections::{BTreeMap, HashMap};

use super::Totals;
use crate::event::RecordedRefusal;
use crate::ids::{OrderId, PizzeriaId};
use crate::order::{Order, OrderEvent, OrderStatus, PlacedOrder, Pricing};

/// Figures of a part of the log. An order that began before that part must be recalled first.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    orders: HashMap<OrderId, Order>,
    totals: BTreeMap<PizzeriaId, Totals>,
}

impl Ledger {
    /// Whether an order's state is known.
    pub fn knows(&self, order: OrderId) -> bool {
        self.orders.contains_key(&order)
    }

    /// Returns the number of orders held in memory.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether no order is held.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Adds an order in its state before this part of the log.
    pub fn recall(&mut self, order: OrderId, state: Order) {
        self.orders.insert(order, state);
    }

    /// Drops the closed orders; one that has another payment must be recalled.
    pub fn forget_closed(&mut self) {
        self.orders.retain(|_, order| order.status().is_some_and(|status| !status.is_closed()));
    }

    /// Applies an event of an order.
    pub fn apply(&mut self, order: OrderId, event: &OrderEvent) {
        let state = self.orders.entry(order).or_default();
        let before = sold(state).cloned();
        state.evolve(event);
        let pizzeria = match &*state {
            Order::NotPlaced => return,
            Order::Refused(refused) => &refused.pizzeria,
            Order::Placed(order) => &order.pizzeria,
        };
        let totals = self.totals.entry(pizzeria.clone()).or_default();
        match (before, sold(state)) {
            (None, Some(pricing)) => {
                totals.placed += 1;
                totals.add_pricing(pricing, 1);
            }
            (Some(pricing), None) => {
                totals.cancelled += 1;
                totals.add_pricing(&pricing, -1);
            }
            (Some(before), Some(after)) if before != *after => {
                totals.add_pricing(&before, -1);
                totals.add_pricing(after, 1);
            }
            (Some(_), Some(_)) | (None, None) => {}
        }
        count(totals, event);
    }

    /// Returns the figures of a pizzeria so far.
    pub fn totals(&self, pizzeria: &PizzeriaId) -> Totals {
        self.totals.get(pizzeria).cloned().unwrap_or_default()
    }

    /// Returns the figures of a pizzeria so far and resets them.
    pub fn take(&mut self, pizzeria: &PizzeriaId) -> Totals {
        self.totals.remove(pizzeria).unwrap_or_default()
    }
}

fn count(totals: &mut Totals, event: &OrderEvent) {
    let facts = event.facts();
    if let Some(RecordedRefusal::OutOfStock(_)) = facts.refusal {
        totals.refused += 1;
    }
    if let Some(money) = facts.money {
        totals.add_payment(money.method, money.captured, money.refunded);
    }
}

/// Returns the prices of an order that counts as sold: it is placed, and neither cancelled, expired nor
/// returned.
fn sold(state: &Order) -> Option<&Pricing> {
    let order: &PlacedOrder = state.placed()?;
    match order.status() {
        OrderStatus::Placed
        | OrderStatus::InPreparation
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::NotDelivered
        | OrderStatus::Delivered
        | OrderStatus::HandedOver => Some(&order.pricing),
        OrderStatus::AwaitingPayment
        | OrderStatus::Refused
        | OrderStatus::Returned
        | OrderStatus::Cancelled
        | OrderStatus::Expired => None,
    }
}
