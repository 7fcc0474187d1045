//! Replay of one pizzeria: its stock, the orders it accepts, and their figures. Decides about stock by the
//! domain's own rules only.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::demand::demand;
use super::figures::{Figures, is_sold};
use super::kitchen::{self, Job};
use super::{Orders, Rules};
use crate::ids::{IngredientCode, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::Menu;
use crate::money::Cents;
use crate::order::{Fulfilment, Order, OrderEvent, PlacedOrder, Pricing};
use crate::pizzeria::OpenedPizzeria;
use crate::policies::promise::{KitchenLoad, promise};
use crate::stock::{self, Stock, StockCommand, StockError, StockEvent};
use crate::vat::breakdown;

/// Assumed pizzas of a waiting order.
const PIZZAS_AN_ORDER: u32 = 4;

/// Order that was accepted and that the replay accepts too.
#[derive(Debug)]
struct Accepted {
    needs: Ingredients,
    pricing: Pricing,
}

/// Order that was refused and that the replay accepts.
#[derive(Debug)]
struct Recovered {
    at: DateTime<Utc>,
    promised: DateTime<Utc>,
    pricing: Pricing,
}

/// Goods ordered and not yet received.
#[derive(Debug)]
struct Incoming {
    at: DateTime<Utc>,
    ingredient: IngredientCode,
    quantity: Quantity,
}

#[derive(Debug)]
pub(super) struct PizzeriaReplay {
    stock: Stock,
    rules: Rules,
    accepted: BTreeMap<OrderId, Accepted>,
    recovered: Vec<Recovered>,
    /// Orders that were accepted and that the replay refuses: their later events are ignored.
    lost: BTreeSet<OrderId>,
    incoming: Vec<Incoming>,
    figures: Figures,
}

impl PizzeriaReplay {
    pub(super) fn new(stock: Stock, rules: Rules, at: DateTime<Utc>) -> Self {
        let mut replay = Self {
            stock,
            rules,
            accepted: BTreeMap::new(),
            recovered: Vec::new(),
            lost: BTreeSet::new(),
            incoming: Vec::new(),
            figures: Figures::default(),
        };
        for (ingredient, threshold) in replay.rules.thresholds.clone() {
            // Setting a threshold and counting are never refused.
            let _ = replay.execute(StockCommand::SetThreshold { ingredient, threshold, now: at }, at);
        }
        if !replay.rules.opening_stock.is_empty() {
            let lines = replay.rules.opening_stock.clone().into_iter().collect();
            let _ = replay.execute(StockCommand::Count { lines, now: at }, at);
        }
        replay
    }

    /// Decides a command and applies its events.
    fn execute(&mut self, command: StockCommand, now: DateTime<Utc>) -> Result<(), StockError> {
        for event in stock::decide(&self.stock, command)? {
            self.stock.evolve(&event);
            self.figures.count(&event);
            if let StockEvent::StockLow { ingredient, .. } = &event {
                self.order_more(ingredient, now);
            }
        }
        Ok(())
    }

    fn order_more(&mut self, ingredient: &IngredientCode, now: DateTime<Utc>) {
        let under_way = self.incoming.iter().any(|goods| goods.ingredient == *ingredient);
        let rule = self.rules.restock.iter().find(|rule| rule.ingredient == *ingredient);
        if let Some(rule) = rule.filter(|_| !under_way) {
            self.incoming.push(Incoming {
                at: now + TimeDelta::minutes(i64::from(rule.delay_minutes.max(1))),
                ingredient: ingredient.clone(),
                quantity: rule.quantity,
            });
        }
    }

    /// Receives the goods that are due, the earliest first.
    fn restock(&mut self, now: DateTime<Utc>) {
        while let Some(next) = (0..self.incoming.len())
            .filter(|at| self.incoming[*at].at <= now)
            .min_by_key(|at| self.incoming[*at].at)
        {
            let goods = self.incoming.remove(next);
            self.figures.restocked += 1;
            let lines = [(goods.ingredient.clone(), goods.quantity)].into_iter().collect();
            let delivery_note = self.figures.restocked.to_string();
            let command =
                StockCommand::Receive { supplier: "what if".into(), delivery_note, lines, now: goods.at };
            let _ = self.execute(command, goods.at);
            // Still low: order again at once.
            if self.stock.level(&goods.ingredient).low {
                self.order_more(&goods.ingredient, goods.at);
            }
        }
    }

    /// Applies an event of the recorded stock. Returns the transfer that could not be sent.
    pub(super) fn apply(&mut self, event: &StockEvent, now: DateTime<Utc>, orders: &Orders) -> Option<Uuid> {
        self.restock(now);
        match event {
            StockEvent::IngredientsReserved { order, lines, .. } => {
                match orders.get(order).and_then(Order::placed) {
                    Some(placed) => self.place(placed, lines, now),
                    // An order without a placement cannot be refused.
                    None => self.stock.evolve(event),
                }
            }
            StockEvent::ReservationChanged { order, lines, .. } => self.change(*order, lines, now, orders),
            StockEvent::ReservationReleased { order, .. } => {
                self.continue_order(*order, StockCommand::Release { order: *order, now }, now);
            }
            StockEvent::ReservationConsumed { order, .. } => {
                self.continue_order(*order, StockCommand::Consume { order: *order, now }, now);
            }
            StockEvent::PreparedOrderDiscarded { order, wasted, reason, .. } => {
                let lines = self.accepted.get(order).map_or(wasted, |accepted| &accepted.needs).clone();
                let command = StockCommand::DiscardOrder { order: *order, lines, reason: *reason, now };
                self.continue_order(*order, command, now);
            }
            StockEvent::IngredientsWasted { lines, reason, .. } => {
                // At most what is on hand is wasted.
                let there = |code: &IngredientCode| {
                    u32::try_from(self.stock.level(code).shown().on_hand).unwrap_or(u32::MAX)
                };
                let lines =
                    lines.iter().map(|(code, wasted)| (code.clone(), Quantity(wasted.0.min(there(code)))));
                let command = StockCommand::Waste { reason: *reason, lines: lines.collect(), now };
                let _ = self.execute(command, now);
            }
            StockEvent::SupplyReceived { supplier, delivery_note, lines, .. } => {
                let (supplier, delivery_note, lines) =
                    (supplier.as_str().into(), delivery_note.clone(), lines.clone());
                let _ = self.execute(StockCommand::Receive { supplier, delivery_note, lines, now }, now);
            }
            StockEvent::StockCounted { lines, .. } => {
                // The count finds the recorded variance from the replayed level.
                let found = |line: &stock::Counted| {
                    let counted = (self.stock.level(&line.ingredient).on_hand + line.variance()).max(0);
                    (line.ingredient.clone(), Quantity(u32::try_from(counted).unwrap_or(u32::MAX)))
                };
                let lines = lines.iter().map(found).collect();
                let _ = self.execute(StockCommand::Count { lines, now }, now);
            }
            StockEvent::TransferSent { transfer, to, lines, .. } => {
                let command = StockCommand::SendTransfer {
                    transfer: *transfer,
                    to: to.clone(),
                    lines: lines.clone(),
                    now,
                };
                if self.execute(command, now).is_err() {
                    self.figures.transfers_refused += 1;
                    return Some(*transfer);
                }
            }
            StockEvent::TransferReceived { transfer, from, lines, .. } => {
                let (transfer, from, lines) = (*transfer, from.clone(), lines.clone());
                let _ = self.execute(StockCommand::ReceiveTransfer { transfer, from, lines, now }, now);
            }
            StockEvent::ThresholdSet { ingredient, threshold, .. } => {
                if !self.rules.thresholds.contains_key(ingredient) {
                    let (ingredient, threshold) = (ingredient.clone(), *threshold);
                    let _ = self.execute(StockCommand::SetThreshold { ingredient, threshold, now }, now);
                }
            }
            StockEvent::PizzaBlocked { .. } | StockEvent::PizzaUnblocked { .. } => self.stock.evolve(event),
            // Derived from levels: decided anew.
            StockEvent::StockLow { .. }
            | StockEvent::StockRecovered { .. }
            | StockEvent::ReservationShort { .. } => {}
        }
        None
    }

    /// Continues an order that the replay accepted, or that is older than the period.
    fn continue_order(&mut self, order: OrderId, command: StockCommand, now: DateTime<Utc>) {
        if !self.lost.contains(&order) {
            let _ = self.execute(command, now);
        }
    }

    fn place(&mut self, placed: &PlacedOrder, lines: &Ingredients, now: DateTime<Utc>) {
        let delivered = placed.fulfilment == Fulfilment::Delivery;
        let too_little = |minimum: &Cents| placed.pricing.subtotal < *minimum;
        if delivered && self.rules.minimum.as_ref().is_some_and(too_little) {
            self.figures.below_minimum += 1;
            self.lost.insert(placed.id);
            return;
        }
        let command = StockCommand::Reserve { order: placed.id, lines: lines.clone(), held: None, now };
        if self.execute(command, now).is_err() {
            self.figures.refused += 1;
            self.lost.insert(placed.id);
            return;
        }
        self.figures.orders += 1;
        let accepted = Accepted { needs: lines.clone(), pricing: self.prices(placed) };
        self.accepted.insert(placed.id, accepted);
    }

    /// Returns the order's prices, with the policy's delivery fee.
    fn prices(&self, order: &PlacedOrder) -> Pricing {
        match self.rules.delivery_fee.filter(|_| order.fulfilment == Fulfilment::Delivery) {
            None => order.pricing.clone(),
            Some(fee) => {
                let lines = order.lines.iter().map(|line| (line.vat_rate, line.total));
                let subtotal = order.pricing.subtotal;
                let vat = breakdown(lines, fee);
                Pricing { subtotal, delivery_fee: fee, vat, total: subtotal + fee }
            }
        }
    }

    fn change(&mut self, order: OrderId, lines: &Ingredients, now: DateTime<Utc>, orders: &Orders) {
        if self.lost.contains(&order) {
            return;
        }
        let command = StockCommand::ChangeReservation { order, lines: lines.clone(), pieces: 0, now };
        if self.execute(command, now).is_err() {
            self.figures.changes_refused += 1;
        } else if let Some(placed) = orders.get(&order).and_then(Order::placed) {
            let accepted = Accepted { needs: lines.clone(), pricing: self.prices(placed) };
            self.accepted.insert(order, accepted);
        }
    }

    /// Applies a placement that was refused for want of stock: it is accepted if the replayed stock suffices.
    /// Its needs come from the menu; those of the missing ingredients come from the refusal.
    pub(super) fn refused(
        &mut self,
        event: &OrderEvent,
        menu: &Menu,
        pizzeria: Option<&OpenedPizzeria>,
        now: DateTime<Utc>,
    ) {
        self.restock(now);
        let OrderEvent::OrderRefused { order, asked, missing, total, channel, .. } = event else { return };
        let Some(asked) = pizzeria.and_then(|open| demand(menu, open, asked, missing, *total, *channel, now))
        else {
            self.figures.refused += 1;
            return;
        };
        let command = StockCommand::Reserve { order: *order, lines: asked.needs, held: None, now };
        if self.execute(command, now).is_err() {
            self.figures.refused += 1;
            return;
        }
        self.figures.orders += 1;
        let pricing = match self.rules.delivery_fee.filter(|_| asked.pricing.delivery_fee.0 > 0) {
            Some(fee) => {
                let vat = breakdown(asked.rates, fee);
                let subtotal = asked.pricing.subtotal;
                Pricing { subtotal, delivery_fee: fee, vat, total: subtotal + fee }
            }
            None => asked.pricing,
        };
        // The stock knows how many orders wait, not how many pizzas.
        let waiting = u32::try_from(self.stock.waiting_orders()).unwrap_or(u32::MAX);
        let ahead = KitchenLoad { pizzas: waiting.saturating_mul(PIZZAS_AN_ORDER), ..KitchenLoad::default() };
        let promised = promise(now, asked.pizzas, ahead, None);
        // When it would have been started is unknown: it leaves the shelf at once.
        let _ = self.execute(StockCommand::Consume { order: *order, now }, now);
        self.recovered.push(Recovered { at: now, promised, pricing });
    }

    /// Returns the figures of the period. `orders` are those placed here during it.
    pub(super) fn finish(mut self, orders: &[&PlacedOrder], to: DateTime<Utc>) -> Figures {
        self.restock(to);
        let accepted: Vec<&PlacedOrder> =
            orders.iter().copied().filter(|order| self.accepted.contains_key(&order.id)).collect();
        for order in &accepted {
            if let Some(Accepted { pricing, .. }) = self.accepted.get(&order.id)
                && is_sold(order)
            {
                self.figures.sell(pricing);
            }
        }
        for recovered in &self.recovered {
            self.figures.sell(&recovered.pricing);
        }
        match self.rules.orders_at_once {
            Some(at_once) => self.cook(&accepted, orders, at_once),
            None => {
                for order in &accepted {
                    if let Some(at) = order.completed_at {
                        self.figures.finished((at - order.promised_at()).num_seconds());
                    }
                }
                self.figures.untimed = i64::try_from(self.recovered.len()).unwrap_or(i64::MAX);
                self.figures.kitchen_most = kitchen::busiest(accepted.into_iter());
            }
        }
        self.figures
    }

    /// Simulates a kitchen that makes `at_once` orders at a time.
    fn cook(&mut self, accepted: &[&PlacedOrder], recorded: &[&PlacedOrder], at_once: usize) {
        let mut jobs: Vec<Job> = accepted.iter().filter_map(|order| job(order)).collect();
        let typical: Vec<Job> = recorded.iter().filter_map(|order| job(order)).collect();
        let takes = mean(typical.iter().map(|job| job.takes));
        if let Some((takes, then)) = takes.zip(mean(typical.iter().map(|job| job.then))) {
            jobs.extend(self.recovered.iter().map(|recovered| Job {
                queued: recovered.at,
                takes,
                then,
                promised: recovered.promised,
            }));
        } else {
            self.figures.untimed = i64::try_from(self.recovered.len()).unwrap_or(i64::MAX);
        }
        let done = kitchen::finish(jobs, at_once);
        self.figures.kitchen_most = kitchen::most(done.iter().map(|(job, done)| {
            let ready = *done - job.then;
            (ready - job.takes, ready)
        }));
        for (job, done) in done {
            self.figures.finished((done - job.promised).num_seconds());
        }
    }
}

/// Returns the kitchen's job for an order that reached its customer. It queues when it was placed, or when it
/// was paid if it had to be paid first.
fn job(order: &PlacedOrder) -> Option<Job> {
    let (started, ready, completed) = (order.started_at?, order.ready_at?, order.completed_at?);
    let paid = order.payments.iter().filter(|payment| payment.at <= started).map(|payment| payment.at).max();
    let online = order.payment == crate::order::PaymentIntent::Online;
    let queued = paid.filter(|_| online).unwrap_or(order.placed_at).max(order.placed_at).min(started);
    Some(Job { queued, takes: ready - started, then: completed - ready, promised: order.promised_at() })
}

fn mean(spans: impl Iterator<Item = TimeDelta>) -> Option<TimeDelta> {
    let (sum, count) = spans.fold((0_i64, 0_i64), |(sum, count), span| (sum + span.num_seconds(), count + 1));
    (count > 0).then(|| TimeDelta::seconds(sum / count))
}
