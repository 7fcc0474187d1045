//! The arithmetic of daily sales: how each event changes the figures of which day. Pure.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use chrono_tz::Tz;
use domain::closing::business_day;
use domain::event::RecordedRefusal;
use domain::ids::{OrderId, PizzeriaId};
use domain::order::{Order, OrderEvent, PlacedOrder, Pricing, Progress};
use domain::pizzeria::PizzeriaEvent;
use domain::{Cents, Event};
use serde::{Deserialize, Serialize};

use super::{Figures, VatSum};

/// Time zone of a pizzeria whose opening is unknown (DOMAIN.md: Europe/Paris).
pub(super) const DEFAULT_ZONE: Tz = Tz::Europe__Paris;

/// An order without the fields that no figure needs, and where it was counted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Memo {
    pub(super) order: PlacedOrder,
    pub(super) counted: Option<Counted>,
}

/// The day that an order counts on, and its part of the figures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Counted {
    pub(super) day: NaiveDate,
    pub(super) pricing: Pricing,
    pub(super) late: bool,
}

/// The figures and memos that a batch changes.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) zones: BTreeMap<String, Tz>,
    pub(super) memos: BTreeMap<OrderId, Memo>,
    pub(super) days: BTreeMap<(PizzeriaId, NaiveDate), Change>,
}

/// The changes of a batch to a day.
#[derive(Debug, Default)]
pub(super) struct Change {
    pub(super) figures: Figures,
    pub(super) position: i64,
}

impl Figures {
    /// Adds an order's prices; with a `sign` of −1 subtracts them.
    fn add_order(&mut self, pricing: &Pricing, sign: i64) {
        self.orders += sign;
        self.add_pricing(pricing, sign);
    }

    fn add_pricing(&mut self, pricing: &Pricing, sign: i64) {
        self.gross.0 += sign * pricing.total.0;
        for part in &pricing.vat {
            let sum = self.vat.entry(part.rate).or_default();
            sum.net.0 += sign * part.net.0;
            sum.tax.0 += sign * part.tax.0;
            sum.gross.0 += sign * part.gross.0;
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.gross = self.gross + other.gross;
        for (rate, part) in &other.vat {
            let sum = self.vat.entry(*rate).or_default();
            *sum = VatSum { net: sum.net + part.net, tax: sum.tax + part.tax, gross: sum.gross + part.gross };
        }
        for (method, amount) in &other.paid {
            let sum = self.paid.entry(*method).or_default();
            *sum = *sum + *amount;
        }
        self.refused += other.refused;
        self.late += other.late;
        self.cancelled += other.cancelled;
        self.returned += other.returned;
        // Sums of zero are removed, whether they cancel out in one batch or over several.
        self.vat.retain(|_, sum| *sum != VatSum::default());
        self.paid.retain(|_, sum| *sum != Cents::ZERO);
    }
}

impl Ledger {
    fn zone(&self, pizzeria: &PizzeriaId) -> Tz {
        self.zones.get(pizzeria.as_str()).copied().unwrap_or(DEFAULT_ZONE)
    }

    fn change(&mut self, pizzeria: &PizzeriaId, day: NaiveDate, position: i64) -> &mut Figures {
        let change = self.days.entry((pizzeria.clone(), day)).or_default();
        change.position = position;
        &mut change.figures
    }

    /// Returns the figures of an instant's business day.
    fn at(&mut self, pizzeria: &PizzeriaId, at: DateTime<Utc>, position: i64) -> &mut Figures {
        let day = business_day(at, self.zone(pizzeria));
        self.change(pizzeria, day, position)
    }

    pub(super) fn record(&mut self, event: &Event, order: Option<OrderId>, position: i64) {
        match (event, order) {
            (Event::Pizzeria(PizzeriaEvent::PizzeriaOpened { opening, .. }), _) => {
                self.zones.insert(opening.pizzeria.to_string(), opening.timezone);
            }
            (Event::Order(event), Some(order)) => self.record_order(event, order, position),
            (
                Event::Order(_)
                | Event::Pizzeria(
                    PizzeriaEvent::PizzeriaUpdated { .. }
                    | PizzeriaEvent::PizzeriaPaused { .. }
                    | PizzeriaEvent::PizzeriaResumed { .. },
                )
                | Event::Stock(_)
                | Event::Delivery(_)
                | Event::Menu(_)
                | Event::Staff(_)
                | Event::Customer(_)
                | Event::Closing(_),
                _,
            ) => {}
        }
    }

    fn record_order(&mut self, event: &OrderEvent, id: OrderId, position: i64) {
        let facts = event.facts();
        if let Some(RecordedRefusal::OutOfStock(_)) = facts.refusal {
            if let (Some(pizzeria), Some(at)) = (facts.pizzeria, facts.counts_at)
                && !pizzeria.is_functional_check()
            {
                self.at(pizzeria, at, position).refused += 1;
            }
            return;
        }
        let memo = self.memos.remove(&id);
        let (mut state, counted) = match memo {
            Some(Memo { order, counted }) => (Order::Placed(Box::new(order)), counted),
            None => (Order::NotPlaced, None),
        };
        state.evolve(event);
        let Order::Placed(order) = state else { return };
        // Orders of the functional check are neither sales nor stored.
        if order.pizzeria.is_functional_check() {
            return;
        }
        self.record_money(event, &order, position);
        let counted = self.count(&order, counted, position);
        self.memos.insert(id, Memo { order: slim(*order), counted });
    }

    fn record_money(&mut self, event: &OrderEvent, order: &PlacedOrder, position: i64) {
        let Some(money) = event.facts().money else { return };
        let paid = self.at(&order.pizzeria, money.at, position).paid.entry(money.method).or_default();
        *paid = *paid + money.captured - money.refunded;
    }

    /// Corrects the day that an order counts on by the order's new state.
    fn count(&mut self, order: &PlacedOrder, before: Option<Counted>, position: i64) -> Option<Counted> {
        // The counter of an order that was closed without a sale.
        let unsold: Option<fn(&mut Figures) -> &mut i64> = match order.progress {
            Progress::Cancelled { .. } | Progress::Expired { .. } => Some(|day| &mut day.cancelled),
            Progress::Returned { .. } => Some(|day| &mut day.returned),
            Progress::AwaitingPayment { .. }
            | Progress::Placed { .. }
            | Progress::InPreparation { .. }
            | Progress::Ready { .. }
            | Progress::OutForDelivery { .. }
            | Progress::Delivered { .. }
            | Progress::NotDelivered { .. }
            | Progress::HandedOver { .. } => None,
        };
        let Some(counted) = before else {
            let Progress::Placed { since } = order.progress else { return None };
            let day = business_day(since, self.zone(&order.pizzeria));
            self.change(&order.pizzeria, day, position).add_order(&order.pricing, 1);
            return Some(Counted { day, pricing: order.pricing.clone(), late: false });
        };
        if let Some(unsold) = unsold {
            let figures = self.change(&order.pizzeria, counted.day, position);
            figures.add_order(&counted.pricing, -1);
            figures.late -= i64::from(counted.late);
            *unsold(figures) += 1;
            return None;
        }
        let now = Counted { day: counted.day, pricing: order.pricing.clone(), late: order.is_late() };
        if now != counted {
            let figures = self.change(&order.pizzeria, counted.day, position);
            figures.add_pricing(&counted.pricing, -1);
            figures.add_pricing(&now.pricing, 1);
            figures.late += i64::from(now.late) - i64::from(counted.late);
        }
        Some(now)
    }
}

/// Removes the fields that no later figure needs; idempotent. A changed order's prices add up from its lines.
fn slim(mut order: PlacedOrder) -> PlacedOrder {
    if order.started_at.is_some() || order.status().is_closed() {
        order.lines = Vec::new();
    }
    order.needs = domain::Ingredients::new();
    order.payments = Vec::new();
    order.notes = Vec::new();
    order.cancel_note = None;
    order.refund_notes = Vec::new();
    order.promises = order.promises.pop().into_iter().collect();
    order
}
