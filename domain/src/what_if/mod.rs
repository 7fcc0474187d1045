//! What would have been otherwise: the recorded demand of a period, replayed against other stock, thresholds,
//! kitchens or fees. Pure and deterministic: it is fed the events of the log in order, decides about stock with
//! the domain's own `decide`, and takes everything else as it was recorded.
//!
//! What is assumed, and what cannot be known, is in `docs/audit.md`, What if.

mod figures;
mod kitchen;
mod policy;
mod shop;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use figures::Figures;
pub use policy::{Policy, Restock, Rules};

use crate::event::Event;
use crate::ids::{OrderId, PizzeriaId};
use crate::menu::Menu;
use crate::order::{Order, OrderEvent, PlacedOrder};
use crate::pizzeria::Pizzeria;
use crate::stock::{Stock, StockEvent};
use crate::stream::{StreamId, StreamType};
use shop::Shop;

/// The orders that were placed in the period, as they are recorded.
type Orders = BTreeMap<OrderId, Order>;

/// A pizzeria as it was when the period began.
#[derive(Debug, Clone, Default)]
pub struct Opening {
    /// Itself.
    pub pizzeria: Pizzeria,
    /// Its stock, with every reservation.
    pub stock: Stock,
}

/// A pizzeria's figures: as recorded, replayed as it was, and replayed with the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// As recorded.
    pub recorded: Figures,
    /// Replayed without any change: the same, unless the log holds what the rules of today would not decide.
    pub unchanged: Figures,
    /// Replayed with the policy.
    pub changed: Figures,
}

/// Replays a period twice, as it was and with a policy, beside what is recorded.
#[derive(Debug)]
pub struct WhatIf {
    menu: Menu,
    pizzerias: BTreeMap<PizzeriaId, Pizzeria>,
    orders: Orders,
    recorded: BTreeMap<PizzeriaId, Figures>,
    unchanged: Replay,
    changed: Replay,
}

/// One replay of every pizzeria.
#[derive(Debug)]
struct Replay {
    policy: Policy,
    shops: BTreeMap<PizzeriaId, Shop>,
    /// Transfers that were not sent, and so are not received.
    unsent: BTreeSet<Uuid>,
}

impl Replay {
    fn new(policy: Policy) -> Self {
        Self { policy, shops: BTreeMap::new(), unsent: BTreeSet::new() }
    }
}

impl WhatIf {
    /// From how things stood right before the first event of the period, at `from`. Only the pizzerias that are
    /// given are replayed; one that opens in the period is given as it is before.
    pub fn new(
        policy: Policy,
        menu: Menu,
        openings: BTreeMap<PizzeriaId, Opening>,
        from: DateTime<Utc>,
    ) -> Self {
        let mut new = Self {
            menu,
            pizzerias: BTreeMap::new(),
            orders: Orders::new(),
            recorded: BTreeMap::new(),
            unchanged: Replay::new(Policy::default()),
            changed: Replay::new(policy),
        };
        for (id, Opening { pizzeria, stock }) in openings {
            for replay in [&mut new.unchanged, &mut new.changed] {
                let shop = Shop::new(stock.clone(), replay.policy.of(&id), from);
                replay.shops.insert(id.clone(), shop);
            }
            new.pizzerias.insert(id, pizzeria);
        }
        new
    }

    /// Takes the next event of the period, recorded at `at`.
    pub fn record(&mut self, stream: &StreamId, at: DateTime<Utc>, event: &Event) {
        match event {
            Event::Menu(event) => self.menu.evolve(event),
            Event::Pizzeria(event) => {
                let id = stream.id.parse::<PizzeriaId>().ok();
                if let Some(pizzeria) = id.and_then(|id| self.pizzerias.get_mut(&id)) {
                    pizzeria.evolve(event);
                }
            }
            Event::Order(event) => self.record_order(stream, at, event),
            Event::Stock(event) => self.record_stock(stream, at, event),
            Event::Delivery(_) | Event::Staff(_) | Event::Customer(_) | Event::Closing(_) => {}
        }
    }

    fn record_order(&mut self, stream: &StreamId, at: DateTime<Utc>, event: &OrderEvent) {
        let Ok(id) = stream.id.parse::<OrderId>() else { return };
        match event {
            OrderEvent::OrderRefused { pizzeria, .. } => {
                let Some(state) = self.pizzerias.get(pizzeria) else { return };
                self.recorded.entry(pizzeria.clone()).or_default().refused += 1;
                for replay in [&mut self.unchanged, &mut self.changed] {
                    if let Some(shop) = replay.shops.get_mut(pizzeria) {
                        shop.refused(event, &self.menu, state.opened(), at);
                    }
                }
            }
            OrderEvent::OrderPlaced { placement, .. } => {
                if !self.pizzerias.contains_key(&placement.pizzeria) {
                    return;
                }
                self.recorded.entry(placement.pizzeria.clone()).or_default().orders += 1;
                self.orders.entry(id).or_default().evolve(event);
            }
            // Of an order that was placed before the period, only what it does to the stock counts.
            OrderEvent::OrderLinesChanged { .. }
            | OrderEvent::OrderCancelled { .. }
            | OrderEvent::OrderExpired { .. }
            | OrderEvent::PaymentAuthorised { .. }
            | OrderEvent::PaymentCaptured { .. }
            | OrderEvent::PaymentDeclined { .. }
            | OrderEvent::PaymentRefunded { .. }
            | OrderEvent::PreparationStarted { .. }
            | OrderEvent::ItemBaked { .. }
            | OrderEvent::OrderReady { .. }
            | OrderEvent::OrderHandedOver { .. }
            | OrderEvent::OrderOutForDelivery { .. }
            | OrderEvent::OrderDelivered { .. }
            | OrderEvent::OrderNotDelivered { .. }
            | OrderEvent::OrderReturned { .. } => {
                if let Some(order) = self.orders.get_mut(&id) {
                    order.evolve(event);
                }
            }
        }
    }

    fn record_stock(&mut self, stream: &StreamId, at: DateTime<Utc>, event: &StockEvent) {
        debug_assert_eq!(stream.kind, StreamType::Stock);
        let Ok(id) = stream.id.parse::<PizzeriaId>() else { return };
        if !self.pizzerias.contains_key(&id) {
            return;
        }
        self.recorded.entry(id.clone()).or_default().count(event);
        for replay in [&mut self.unchanged, &mut self.changed] {
            if let StockEvent::TransferReceived { transfer, .. } = event
                && replay.unsent.contains(transfer)
            {
                continue;
            }
            if let Some(shop) = replay.shops.get_mut(&id) {
                let unsent = shop.take(event, at, &self.orders);
                replay.unsent.extend(unsent);
            }
        }
    }

    /// The figures of each pizzeria, once the period is over at `to`.
    pub fn finish(mut self, to: DateTime<Utc>) -> BTreeMap<PizzeriaId, Row> {
        let mut rows: BTreeMap<PizzeriaId, Row> = BTreeMap::new();
        let mut of: BTreeMap<PizzeriaId, Vec<&PlacedOrder>> = BTreeMap::new();
        for order in self.orders.values().filter_map(Order::placed) {
            of.entry(order.pizzeria.clone()).or_default().push(order);
        }
        for (pizzeria, orders) in &of {
            let figures = self.recorded.entry(pizzeria.clone()).or_default();
            orders.iter().for_each(|order| figures.close(order, &order.pricing));
            figures.kitchen_most = kitchen::busiest(orders.iter().copied());
        }
        for (pizzeria, recorded) in self.recorded {
            rows.entry(pizzeria).or_default().recorded = recorded;
        }
        let none = Vec::new();
        for (pizzeria, shop) in self.unchanged.shops {
            let orders = of.get(&pizzeria).unwrap_or(&none);
            let figures = shop.finish(orders, to);
            rows.entry(pizzeria).or_default().unchanged = figures;
        }
        for (pizzeria, shop) in self.changed.shops {
            let orders = of.get(&pizzeria).unwrap_or(&none);
            let figures = shop.finish(orders, to);
            rows.entry(pizzeria).or_default().changed = figures;
        }
        rows
    }
}
