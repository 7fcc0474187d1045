//! From events of orders to figures: a pure fold, the same for a day and for the whole log.

use std::collections::{BTreeMap, HashMap};

use super::Totals;
use crate::ids::{OrderId, PizzeriaId};
use crate::money::Cents;
use crate::order::{Order, OrderEvent, OrderStatus, PlacedOrder, Pricing};

/// What has been read of a part of the log. An order that began before it is recalled first.
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

    /// How many orders it knows: what it takes in memory.
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    /// Whether it knows no order.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// An order as it was before this part of the log.
    pub fn recall(&mut self, order: OrderId, state: Order) {
        self.orders.insert(order, state);
    }

    /// Forgets the orders that are over; should one have another payment, it is to be recalled.
    pub fn forget_closed(&mut self) {
        self.orders.retain(|_, order| order.status().is_some_and(|status| !status.is_closed()));
    }

    /// Counts an event of an order.
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

    /// The figures of a pizzeria so far.
    pub fn totals(&self, pizzeria: &PizzeriaId) -> Totals {
        self.totals.get(pizzeria).cloned().unwrap_or_default()
    }

    /// The figures of a pizzeria so far, which begin anew.
    pub fn take(&mut self, pizzeria: &PizzeriaId) -> Totals {
        self.totals.remove(pizzeria).unwrap_or_default()
    }
}

fn count(totals: &mut Totals, event: &OrderEvent) {
    match event {
        OrderEvent::OrderRefused { .. } => totals.refused += 1,
        OrderEvent::PaymentCaptured { method, amount, .. } => {
            totals.add_payment(*method, *amount, Cents::ZERO);
        }
        OrderEvent::PaymentRefunded { method, amount, .. } => {
            totals.add_payment(*method, Cents::ZERO, *amount);
        }
        OrderEvent::OrderPlaced { .. }
        | OrderEvent::OrderLinesChanged { .. }
        | OrderEvent::OrderCancelled { .. }
        | OrderEvent::OrderExpired { .. }
        | OrderEvent::PaymentAuthorised { .. }
        | OrderEvent::PaymentDeclined { .. }
        | OrderEvent::PreparationStarted { .. }
        | OrderEvent::ItemBaked { .. }
        | OrderEvent::OrderReady { .. }
        | OrderEvent::OrderHandedOver { .. }
        | OrderEvent::OrderOutForDelivery { .. }
        | OrderEvent::OrderDelivered { .. }
        | OrderEvent::OrderNotDelivered { .. }
        | OrderEvent::OrderReturned { .. } => {}
    }
}

/// What an order is sold for: nothing before it is accepted for good, nor once it was taken back.
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
