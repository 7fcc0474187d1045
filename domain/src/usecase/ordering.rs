//! Use cases over an order and its stock, decided together and stored in one transaction. They never check
//! permissions; the caller has.

use chrono::{DateTime, TimeDelta, Utc};

use super::conditions::{Claim, Conditions};
use super::pricing;
use super::quote::{Basket, BasketLine, Quote, quote};
use super::{Decision, Refusal, States, Terms, UseCase};
use crate::ids::{ContactId, CustomerId, OrderId, PizzeriaId, StaffId};
use crate::money::Cents;
use crate::order::{
    self, AskedLine, CancelReason, Fulfilment, OrderChannel, OrderCommand, OrderError, OrderStatus,
    PaymentIntent, PlacedOrder, Placement, Promised, SoldLine,
};
use crate::pizzeria::{OpenedPizzeria, PizzeriaError};
use crate::stock::{self, Held, StockCommand, StockEvent, WasteReason};
use crate::stream::StreamId;

/// Time within which an online order must be paid (DOMAIN.md, Order).
const PAY_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// `placeOrder`: prices, reserves and accepts an order, or stores its refusal for want of stock.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// Id of the new order.
    pub order: OrderId,
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The basket.
    pub basket: Basket,
    /// Channel through which it was placed.
    pub channel: OrderChannel,
    /// The customer, if they have an account.
    pub customer: Option<CustomerId>,
    /// Row of personal data stored with it.
    pub contact: Option<ContactId>,
    /// Payment intent of the customer.
    pub payment: PaymentIntent,
    /// Total that the caller expects, if given.
    pub expected_total: Option<Cents>,
    /// Conditions that no stream holds.
    pub conditions: Conditions,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// `cancelOrder`: releases or wastes the ingredients, and refunds what was paid online.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// The order.
    pub order: OrderId,
    /// Why.
    pub reason: CancelReason,
    /// Whether the caller may cancel once preparation has started (managers).
    pub even_started: bool,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// `expireOrder`: expires an unpaid online order and releases its reservation.
#[derive(Debug, Clone)]
pub struct ExpireOrder {
    /// The order.
    pub order: OrderId,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// `startPreparation`: starts preparation and consumes the reservation.
#[derive(Debug, Clone)]
pub struct StartPreparation {
    /// The order.
    pub order: OrderId,
    /// Who prepares it; `None` when the system starts it.
    pub by: Option<StaffId>,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// Returns the number of pieces of some lines.
fn pieces(lines: &[BasketLine]) -> u32 {
    lines.iter().fold(0, |pieces: u32, line| pieces.saturating_add(line.quantity))
}

impl PlaceOrder {
    fn claim(&self) -> Claim<'_> {
        Claim {
            pizzeria: &self.pizzeria,
            holders: &self.conditions.holders,
            bound: self.conditions.bound,
            order: self.order,
            pieces: pieces(&self.basket.lines),
        }
    }

    fn placement(&self, number: String, pizzeria: &OpenedPizzeria, quote: &Quote) -> Placement {
        let delivered = self.basket.fulfilment == Fulfilment::Delivery;
        Placement {
            order: self.order,
            number,
            pizzeria: self.pizzeria.clone(),
            channel: self.channel,
            fulfilment: self.basket.fulfilment,
            customer: self.customer,
            contact: self.contact,
            distance_m: quote.distance_m,
            delivery_code: None,
            lines: quote.lines.iter().map(SoldLine::from).collect(),
            delivery_fee: quote.pricing.delivery_fee,
            needs: crate::Ingredients::new(),
            pricing: None,
            minimum: delivered.then_some(pizzeria.minimum),
            notes: Vec::new(),
            payment: self.payment,
            promise: Promised { at: quote.promised_at },
            expires_at: match self.payment {
                PaymentIntent::Online => Some(self.now + PAY_WITHIN),
                PaymentIntent::OnDelivery | PaymentIntent::AtCounter => None,
            },
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            fulfilment: self.basket.fulfilment,
            channel: Some(self.channel),
            payment: Some(self.payment),
            by_customer: self.customer.is_some(),
        }
    }

    /// Returns the decision that stores a refusal.
    fn refuse(&self, states: &States<'_>, quote: Quote) -> Result<Decision, Refusal> {
        let line = |line: &BasketLine| AskedLine {
            item: line.item.clone(),
            size: line.size,
            quantity: line.quantity,
        };
        let command = OrderCommand::Refuse {
            order: self.order,
            pizzeria: self.pizzeria.clone(),
            channel: self.channel,
            customer: self.customer,
            asked: self.basket.lines.iter().map(line).collect(),
            total: quote.pricing.total,
            missing: quote.missing,
            now: self.now,
        };
        let events = order::decide(states.order(self.order), command)?;
        Ok(Decision::on(StreamId::order(self.order), events).refusing_as_recorded())
    }
}

impl UseCase for PlaceOrder {
    fn name(&self) -> &'static str {
        "placeOrder"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let mut streams = vec![
            StreamId::order(self.order),
            StreamId::stock(&self.pizzeria),
            StreamId::menu(),
            StreamId::pizzeria(&self.pizzeria),
        ];
        streams.extend(self.claim().streams(states));
        streams
    }

    fn begins(&self) -> Option<StreamId> {
        Some(StreamId::order(self.order))
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        if states.order(self.order).status().is_some() {
            return Err(OrderError::AlreadyPlaced.into());
        }
        let pizzeria = opened(states, &self.pizzeria)?;
        let stock = states.stock(&self.pizzeria);
        let mut contradictions = self.terms().contradictions();
        if self.payment == PaymentIntent::Online && !self.conditions.online_payment {
            contradictions.push(OrderError::OnlinePaymentUnavailable);
        }
        let quote = quote(states.menu(), pizzeria, stock, &self.basket, self.conditions.load, self.now);
        let quote = accept(quote, contradictions, self.expected_total)?;
        if !quote.missing.is_empty() && !self.conditions.stores_refusal {
            return Err(OrderError::RefusalNotStored { missing: quote.missing }.into());
        }
        if !quote.missing.is_empty() {
            return self.refuse(states, quote);
        }
        // Checked last: a shortage is reported before a limit.
        self.claim().check(states)?;
        let number = format!("{}-{:06}", self.pizzeria, stock.accepted().saturating_add(1));
        let place = OrderCommand::Place {
            placement: Box::new(self.placement(number, pizzeria, &quote)),
            expected_total: self.expected_total,
            now: self.now,
        };
        let placed = order::decide(states.order(self.order), place)?;
        let (by, pieces) = (self.conditions.holders.clone(), pieces(&self.basket.lines));
        let held = Some(Held { by, pieces }).filter(|held| !held.by.is_empty());
        let reserve = StockCommand::Reserve { order: self.order, lines: quote.needs, held, now: self.now };
        Ok(Decision::on(StreamId::order(self.order), placed)
            .and(StreamId::stock(&self.pizzeria), stock::decide(stock, reserve)?))
    }
}

impl UseCase for CancelOrder {
    fn name(&self) -> &'static str {
        "cancelOrder"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let mut streams = with_stock(self.order, states);
        // What a started order has used stands in its recipes.
        let started = states.order(self.order).placed().filter(|order| order.started_at.is_some());
        streams.extend(started.map(|_| StreamId::menu()));
        streams
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let cancel =
            OrderCommand::Cancel { reason: self.reason, even_started: self.even_started, now: self.now };
        decide_with_stock(self.order, states, cancel, |order| {
            if order.started_at.is_none() {
                return StockCommand::Release { order: order.id, now: self.now };
            }
            // A started order that may be cancelled is in preparation, or READY and not collected.
            let uncollected = order.status() == OrderStatus::Ready;
            let reason = if uncollected { WasteReason::Uncollected } else { WasteReason::Mistake };
            let lines = pricing::order_needs(states.menu(), order);
            StockCommand::DiscardOrder { order: order.id, lines, reason, now: self.now }
        })
    }
}

impl UseCase for ExpireOrder {
    fn name(&self) -> &'static str {
        "expireOrder"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        with_stock(self.order, states)
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        decide_with_stock(self.order, states, OrderCommand::Expire { now: self.now }, |order| {
            StockCommand::Release { order: order.id, now: self.now }
        })
    }
}

impl UseCase for StartPreparation {
    fn name(&self) -> &'static str {
        "startPreparation"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        with_stock(self.order, states)
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        decide_with_stock(
            self.order,
            states,
            OrderCommand::StartPreparation { by: self.by, now: self.now },
            |order| StockCommand::Consume { order: order.id, now: self.now },
        )
    }
}

/// Returns an order's stream, and its stock's once the order is loaded.
pub(super) fn with_stock(order: OrderId, states: &States<'_>) -> Vec<StreamId> {
    let mut streams = vec![StreamId::order(order)];
    streams.extend(states.order(order).placed().map(|placed| StreamId::stock(&placed.pizzeria)));
    streams
}

/// Decides a command to an order and the one to its stock.
fn decide_with_stock(
    id: OrderId,
    states: &States<'_>,
    command: OrderCommand,
    follow: impl FnOnce(&PlacedOrder) -> StockCommand,
) -> Result<Decision, Refusal> {
    let state = states.order(id);
    let decision = Decision::on(StreamId::order(id), order::decide(state, command)?);
    let Some(order) = state.placed() else { return Ok(decision) };
    let events: Vec<StockEvent> = stock::decide(states.stock(&order.pizzeria), follow(order))?;
    Ok(decision.and(StreamId::stock(&order.pizzeria), events))
}

pub(super) fn opened<'a>(
    states: &'a States<'_>,
    pizzeria: &PizzeriaId,
) -> Result<&'a OpenedPizzeria, Refusal> {
    states.pizzeria(pizzeria).opened().ok_or_else(|| PizzeriaError::NotFound.into())
}

/// Returns the quote if at most a want of stock prevents it, which the caller handles.
///
/// # Errors
/// Every obstacle, the stock last.
fn accept(
    quote: Result<Quote, Vec<OrderError>>,
    contradictions: Vec<OrderError>,
    expected_total: Option<Cents>,
) -> Result<Quote, Refusal> {
    let (quote, obstacles) = match quote {
        Ok(quote) => {
            let mut obstacles = quote.obstacles.clone();
            obstacles.extend(order::expect_total(expected_total, quote.pricing.total).err());
            (Some(quote), obstacles)
        }
        Err(obstacles) => (None, obstacles),
    };
    let wants_stock = |obstacle: &OrderError| matches!(obstacle, OrderError::InsufficientStock { .. });
    let (wants, mut all): (Vec<_>, Vec<_>) =
        contradictions.into_iter().chain(obstacles).partition(wants_stock);
    match quote {
        Some(quote) if all.is_empty() => Ok(quote),
        Some(_) | None => {
            all.extend(wants);
            let refusals = all.into_iter().map(Refusal::from).collect();
            Err(Refusal::all(refusals).unwrap_or(OrderError::EmptyOrder.into()))
        }
    }
}

#[cfg(test)]
mod tests;
