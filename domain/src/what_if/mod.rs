//! Replays the recorded demand of a period against other stock, thresholds, kitchens or fees. Pure and
//! deterministic: it reads the events of the log in order, decides about stock with the domain's own
//! `decide`, and takes everything else as recorded.
//!
//! The assumptions and limits are in `docs/audit.md`, What if.

mod demand;
mod figures;
mod kitchen;
mod pizzeria_replay;
mod policy;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

pub use figures::Figures;
pub use policy::{Policy, Restock, Rules};

use crate::event::{Event, Facts};
use crate::ids::{OrderId, PizzeriaId};
use crate::menu::Menu;
use crate::order::{Order, OrderEvent, PlacedOrder};
use crate::pizzeria::Pizzeria;
use crate::stock::{Stock, StockEvent};
use crate::stream::{StreamId, StreamType};
use pizzeria_replay::PizzeriaReplay;

/// Orders placed in the period, as recorded.
type Orders = BTreeMap<OrderId, Order>;

/// State of a pizzeria at the beginning of the period.
#[derive(Debug, Clone, Default)]
pub struct StartingState {
    /// The pizzeria.
    pub pizzeria: Pizzeria,
    /// The stock, with every reservation.
    pub stock: Stock,
}

/// Figures of a pizzeria: as recorded, replayed unchanged, and replayed with the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Row {
    /// Figures as recorded.
    pub recorded: Figures,
    /// Replayed without any change: equal to `recorded`, unless today's rules would decide otherwise.
    pub unchanged: Figures,
    /// Replayed with the policy.
    pub changed: Figures,
}

/// Two replays of a period, unchanged and with a policy, beside the record.
#[derive(Debug)]
pub struct WhatIf {
    menu: Menu,
    pizzerias: BTreeMap<PizzeriaId, Pizzeria>,
    orders: Orders,
    recorded: BTreeMap<PizzeriaId, Figures>,
    unchanged: Replay,
    changed: Replay,
}

/// Replay of every pizzeria under one policy.
#[derive(Debug)]
struct Replay {
    policy: Policy,
    pizzerias: BTreeMap<PizzeriaId, PizzeriaReplay>,
    /// Transfers that the replay could not send, so that it does not receive them.
    unsent: BTreeSet<Uuid>,
}

impl Replay {
    fn new(policy: Policy) -> Self {
        Self { policy, pizzerias: BTreeMap::new(), unsent: BTreeSet::new() }
    }
}

impl WhatIf {
    /// Starts from the states right before the first event of the period, at `from`. Only the pizzerias in
    /// `starting` are replayed; one that opens in the period is given in its state before it.
    pub fn new(
        policy: Policy,
        menu: Menu,
        starting: BTreeMap<PizzeriaId, StartingState>,
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
        for (id, StartingState { pizzeria, stock }) in starting {
            for replay in [&mut new.unchanged, &mut new.changed] {
                let replayed = PizzeriaReplay::new(stock.clone(), replay.policy.of(&id), from);
                replay.pizzerias.insert(id.clone(), replayed);
            }
            new.pizzerias.insert(id, pizzeria);
        }
        new
    }

    /// Applies the next event of the period, recorded at `at`.
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
        // Of an order placed before the period, only its effect on the stock counts.
        let Facts { pizzeria: Some(pizzeria), refusal, .. } = event.facts() else {
            if let Some(order) = self.orders.get_mut(&id) {
                order.evolve(event);
            }
            return;
        };
        let Some(state) = self.pizzerias.get(pizzeria) else { return };
        let recorded = self.recorded.entry(pizzeria.clone()).or_default();
        if refusal.is_none() {
            recorded.orders += 1;
            self.orders.entry(id).or_default().evolve(event);
            return;
        }
        recorded.refused += 1;
        for replay in [&mut self.unchanged, &mut self.changed] {
            if let Some(replayed) = replay.pizzerias.get_mut(pizzeria) {
                replayed.refused(event, &self.menu, state.opened(), at);
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
            if let Some(replayed) = replay.pizzerias.get_mut(&id) {
                let unsent = replayed.apply(event, at, &self.orders);
                replay.unsent.extend(unsent);
            }
        }
    }

    /// Returns the figures of each pizzeria for the period that ends at `to`.
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
        let orders = |pizzeria: &PizzeriaId| of.get(pizzeria).map_or(&[][..], Vec::as_slice);
        for (pizzeria, replayed) in self.unchanged.pizzerias {
            let figures = replayed.finish(orders(&pizzeria), to);
            rows.entry(pizzeria).or_default().unchanged = figures;
        }
        for (pizzeria, replayed) in self.changed.pizzerias {
            let figures = replayed.finish(orders(&pizzeria), to);
            rows.entry(pizzeria).or_default().changed = figures;
        }
        rows
    }
}
