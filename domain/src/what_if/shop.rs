//! One pizzeria of a replay: its stock, what it accepted, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::figures::{Figures, is_sold};
use super::kitchen::{self, Job};
use super::{Orders, Rules};
use crate::ids::{IngredientCode, OrderId};
use crate::ingredients::{Ingredients, Quantity};
use crate::menu::Menu;
use crate::money::Cents;
use crate::order::{AskedLine, Fulfilment, Missing, Order, OrderChannel, OrderEvent, PlacedOrder, Pricing};
use crate::pizzeria::OpenedPizzeria;
use crate::policies::promise::{KitchenLoad, promise};
use crate::stock::{self, Stock, StockCommand, StockError, StockEvent};
use crate::usecase::BasketLine;
use crate::usecase::pricing::{local_day, price};
use crate::vat::breakdown;

/// Pizzas that a waiting order is taken to have.
const PIZZAS_AN_ORDER: u32 = 4;

/// An order that the replay accepted.
#[derive(Debug)]
struct Kept {
    needs: Ingredients,
    pricing: Pricing,
}

/// One that was refused, and that the replay accepts.
#[derive(Debug)]
struct Won {
    at: DateTime<Utc>,
    promised: DateTime<Utc>,
    pricing: Pricing,
}

/// Goods on their way.
#[derive(Debug)]
struct Incoming {
    at: DateTime<Utc>,
    ingredient: IngredientCode,
    quantity: Quantity,
}

#[derive(Debug)]
pub(super) struct Shop {
    stock: Stock,
    rules: Rules,
    kept: BTreeMap<OrderId, Kept>,
    won: Vec<Won>,
    /// Orders that were accepted and that the replay refuses: nothing of theirs happens.
    lost: BTreeSet<OrderId>,
    incoming: Vec<Incoming>,
    figures: Figures,
}

impl Shop {
    pub(super) fn new(stock: Stock, rules: Rules, at: DateTime<Utc>) -> Self {
        let mut shop = Self {
            stock,
            rules,
            kept: BTreeMap::new(),
            won: Vec::new(),
            lost: BTreeSet::new(),
            incoming: Vec::new(),
            figures: Figures::default(),
        };
        for (ingredient, threshold) in shop.rules.thresholds.clone() {
            // Setting a threshold, and counting what is named, is never refused.
            let _ = shop.carry_out(StockCommand::SetThreshold { ingredient, threshold, now: at }, at);
        }
        if !shop.rules.opening_stock.is_empty() {
            let lines = shop.rules.opening_stock.clone().into_iter().collect();
            let _ = shop.carry_out(StockCommand::Count { lines, now: at }, at);
        }
        shop
    }

    /// Carries out a command by the domain's own rules.
    fn carry_out(&mut self, command: StockCommand, now: DateTime<Utc>) -> Result<(), StockError> {
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

    /// Receives what has come in by now, the earliest first.
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
                StockCommand::Receive { supplier: "what if".to_owned(), delivery_note, lines, now: goods.at };
            let _ = self.carry_out(command, goods.at);
            // Still low: the next order goes out at once.
            if self.stock.level(&goods.ingredient).low {
                self.order_more(&goods.ingredient, goods.at);
            }
        }
    }

    /// Takes an event of the recorded stock. Gives the transfer that could not be sent.
    pub(super) fn take(&mut self, event: &StockEvent, now: DateTime<Utc>, orders: &Orders) -> Option<Uuid> {
        self.restock(now);
        match event {
            StockEvent::IngredientsReserved { order, lines, .. } => {
                match orders.get(order).and_then(Order::placed) {
                    Some(placed) => self.place(placed, lines, now),
                    // An order without a placement is none that we can refuse.
                    None => self.stock.evolve(event),
                }
            }
            StockEvent::ReservationChanged { order, lines, .. } => self.change(*order, lines, now, orders),
            StockEvent::ReservationReleased { order, .. } => {
                self.go_on(*order, StockCommand::Release { order: *order, now }, now);
            }
            StockEvent::ReservationConsumed { order, .. } => {
                self.go_on(*order, StockCommand::Consume { order: *order, now }, now);
            }
            StockEvent::IngredientsWasted { order: Some(order), lines, reason, .. } => {
                let lines = self.kept.get(order).map_or(lines, |kept| &kept.needs).clone();
                let command = StockCommand::WasteOrder { order: *order, lines, reason: *reason, now };
                self.go_on(*order, command, now);
            }
            StockEvent::IngredientsWasted { order: None, lines, reason, .. } => {
                // What is not there is not thrown away.
                let there =
                    |code: &IngredientCode| u32::try_from(self.stock.level(code).on_hand).unwrap_or(u32::MAX);
                let lines =
                    lines.iter().map(|(code, wasted)| (code.clone(), Quantity(wasted.0.min(there(code)))));
                let command = StockCommand::Waste { reason: *reason, lines: lines.collect(), now };
                let _ = self.carry_out(command, now);
            }
            StockEvent::SupplyReceived { supplier, delivery_note, lines, .. } => {
                let (supplier, delivery_note, lines) =
                    (supplier.clone(), delivery_note.clone(), lines.clone());
                let _ = self.carry_out(StockCommand::Receive { supplier, delivery_note, lines, now }, now);
            }
            StockEvent::StockCounted { lines, .. } => {
                // The count finds the same difference, from whatever there is.
                let found = |line: &stock::Counted| {
                    let counted = (self.stock.level(&line.ingredient).on_hand + line.difference).max(0);
                    (line.ingredient.clone(), Quantity(u32::try_from(counted).unwrap_or(u32::MAX)))
                };
                let lines = lines.iter().map(found).collect();
                let _ = self.carry_out(StockCommand::Count { lines, now }, now);
            }
            StockEvent::TransferSent { transfer, to, lines, .. } => {
                let command = StockCommand::SendTransfer {
                    transfer: *transfer,
                    to: to.clone(),
                    lines: lines.clone(),
                    now,
                };
                if self.carry_out(command, now).is_err() {
                    self.figures.transfers_refused += 1;
                    return Some(*transfer);
                }
            }
            StockEvent::TransferReceived { transfer, from, lines, .. } => {
                let (transfer, from, lines) = (*transfer, from.clone(), lines.clone());
                let _ = self.carry_out(StockCommand::ReceiveTransfer { transfer, from, lines, now }, now);
            }
            StockEvent::ThresholdSet { ingredient, threshold, .. } => {
                if !self.rules.thresholds.contains_key(ingredient) {
                    let (ingredient, threshold) = (ingredient.clone(), *threshold);
                    let _ = self.carry_out(StockCommand::SetThreshold { ingredient, threshold, now }, now);
                }
            }
            StockEvent::PizzaBlocked { .. } | StockEvent::PizzaUnblocked { .. } => self.stock.evolve(event),
            // What follows from levels is decided anew.
            StockEvent::StockLow { .. }
            | StockEvent::StockRecovered { .. }
            | StockEvent::ReservationShort { .. } => {}
        }
        None
    }

    /// The next step of an order that the replay has accepted, or that is older than the period.
    fn go_on(&mut self, order: OrderId, command: StockCommand, now: DateTime<Utc>) {
        if !self.lost.contains(&order) {
            let _ = self.carry_out(command, now);
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
        if self.carry_out(command, now).is_err() {
            self.figures.refused += 1;
            self.lost.insert(placed.id);
            return;
        }
        self.figures.orders += 1;
        let kept = Kept { needs: placed.needs.clone(), pricing: self.prices(placed) };
        self.kept.insert(placed.id, kept);
    }

    /// The order's prices, with the fee that the policy says.
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
        if self.carry_out(command, now).is_err() {
            self.figures.changes_refused += 1;
        } else if let Some(placed) = orders.get(&order).and_then(Order::placed) {
            let kept = Kept { needs: placed.needs.clone(), pricing: self.prices(placed) };
            self.kept.insert(order, kept);
        }
    }

    /// Takes a placement that was refused for want of stock: it is accepted if there is enough now. What it
    /// needed is what its lines take by the menu, and of what was missing, what the refusal says.
    pub(super) fn refused(
        &mut self,
        event: &OrderEvent,
        menu: &Menu,
        pizzeria: Option<&OpenedPizzeria>,
        now: DateTime<Utc>,
    ) {
        self.restock(now);
        let OrderEvent::OrderRefused { order, asked, missing, total, channel, .. } = event else { return };
        let Some(asked) = pizzeria.and_then(|open| ask(menu, open, asked, missing, *total, *channel, now))
        else {
            self.figures.refused += 1;
            return;
        };
        let command = StockCommand::Reserve { order: *order, lines: asked.needs, held: None, now };
        if self.carry_out(command, now).is_err() {
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
        // A replay knows how many orders wait, and not how many pizzas.
        let waiting = u32::try_from(self.stock.waiting_orders()).unwrap_or(u32::MAX);
        let ahead = KitchenLoad { pizzas: waiting.saturating_mul(PIZZAS_AN_ORDER), ..KitchenLoad::default() };
        let promised = promise(now, asked.pizzas, ahead, None);
        // Nobody knows when it would have been begun: it leaves the shelf at once.
        let _ = self.carry_out(StockCommand::Consume { order: *order, now }, now);
        self.won.push(Won { at: now, promised, pricing });
    }

    /// The figures once the period is over; `orders` are those that were placed here in it.
    pub(super) fn finish(mut self, orders: &[&PlacedOrder], to: DateTime<Utc>) -> Figures {
        self.restock(to);
        let kept: Vec<&PlacedOrder> =
            orders.iter().copied().filter(|order| self.kept.contains_key(&order.id)).collect();
        for order in &kept {
            if let Some(Kept { pricing, .. }) = self.kept.get(&order.id)
                && is_sold(order)
            {
                self.figures.sell(pricing);
            }
        }
        for won in &self.won {
            self.figures.sell(&won.pricing);
        }
        match self.rules.orders_at_once {
            Some(at_once) => self.cook(&kept, orders, at_once),
            None => {
                for order in &kept {
                    if let Some(at) = order.completed_at {
                        self.figures.finished((at - order.promised_at()).num_seconds());
                    }
                }
                self.figures.untimed = i64::try_from(self.won.len()).unwrap_or(i64::MAX);
                self.figures.kitchen_most = kitchen::busiest(kept.into_iter());
            }
        }
        self.figures
    }

    /// Lets a kitchen of a size make what was accepted.
    fn cook(&mut self, kept: &[&PlacedOrder], recorded: &[&PlacedOrder], at_once: usize) {
        let mut jobs: Vec<Job> = kept.iter().filter_map(|order| job(order)).collect();
        let typical: Vec<Job> = recorded.iter().filter_map(|order| job(order)).collect();
        match (mean(typical.iter().map(|job| job.takes)), mean(typical.iter().map(|job| job.then))) {
            (Some(takes), Some(then)) => jobs.extend(self.won.iter().map(|won| Job {
                queued: won.at,
                takes,
                then,
                promised: won.promised,
            })),
            _ => self.figures.untimed = i64::try_from(self.won.len()).unwrap_or(i64::MAX),
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

/// An order that reached its customer, as the kitchen sees it. It waits from when it was placed, or paid
/// where it had to be paid first.
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

/// What somebody who was refused had asked for.
struct Asked {
    needs: Ingredients,
    pricing: Pricing,
    rates: Vec<(crate::vat::VatRate, Cents)>,
    pizzas: u32,
}

/// What a refused placement asked for, as far as the refusal says. Its total is the recorded one. What that is
/// more than the lines come to is the fee, if it is just that of a delivery and nobody stood at the counter; else
/// it is for extras, which the refusal does not name.
fn ask(
    menu: &Menu,
    pizzeria: &OpenedPizzeria,
    asked: &[AskedLine],
    missing: &[Missing],
    total: Cents,
    channel: OrderChannel,
    now: DateTime<Utc>,
) -> Option<Asked> {
    let line = |line: &AskedLine| BasketLine {
        item: line.item.clone(),
        size: line.size,
        quantity: line.quantity,
        extras: Vec::new(),
        without: Vec::new(),
    };
    let lines: Vec<BasketLine> = asked.iter().map(line).collect();
    let priced = price(menu, Fulfilment::Takeaway, &lines, Cents::ZERO, local_day(pizzeria, now)).ok()?;
    let mut needs = priced.needs;
    for missing in missing {
        needs.remove(&missing.ingredient);
        needs.add(&missing.ingredient, missing.needed);
    }
    let rates: Vec<_> = priced.lines.iter().map(|line| (line.vat_rate, line.total)).collect();
    let rest = total - priced.pricing.subtotal;
    let is_fee = channel != OrderChannel::Counter && rest == pizzeria.delivery_fee && rest.0 > 0;
    let fee = if is_fee { rest } else { Cents::ZERO };
    let vat = breakdown(rates.iter().copied(), Cents(rest.0.max(0)));
    let pricing = Pricing { subtotal: total - fee, delivery_fee: fee, vat, total };
    let pizzas = asked.iter().filter(|line| line.size.is_some()).map(|line| line.quantity).sum();
    Some(Asked { needs, pricing, rates, pizzas })
}
