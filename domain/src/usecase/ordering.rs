//! Orders and the stock they use, decided together and stored in one transaction.

use chrono::{DateTime, TimeDelta, Utc};

use super::conditions::{Bound, Claim, Conditions};
use super::quote::{self, Basket, BasketLine, Quote, quote};
use super::{Decision, Refusal, States, Terms, UseCase};
use crate::ids::{ContactId, CustomerId, OrderId, PizzeriaId};
use crate::money::Cents;
use crate::order::{
    self, AskedLine, CancelReason, Fulfilment, OrderChannel, OrderCommand, OrderError, OrderStatus,
    PaymentIntent, PlacedOrder, Placement,
};
use crate::pizzeria::{OpenedPizzeria, PizzeriaError};
use crate::policies::promise::KitchenLoad;
use crate::stock::{self, Held, Stock, StockCommand, StockEvent, WasteReason};
use crate::stream::StreamId;

/// How long an online order may stay unpaid (DOMAIN.md, Order).
const PAY_WITHIN: TimeDelta = TimeDelta::minutes(10);

/// `placeOrder`: price, reserve and accept; or refuse for want of stock, which is stored too.
#[derive(Debug, Clone)]
pub struct PlaceOrder {
    /// The new order's id.
    pub order: OrderId,
    /// Where.
    pub pizzeria: PizzeriaId,
    /// What.
    pub basket: Basket,
    /// How it came in.
    pub channel: OrderChannel,
    /// Whose, if they have an account.
    pub customer: Option<CustomerId>,
    /// The row of personal data that is stored with it.
    pub contact: Option<ContactId>,
    /// How the customer means to pay.
    pub payment: PaymentIntent,
    /// The total that the caller expects, if they said.
    pub expected_total: Option<Cents>,
    /// Four digits drawn at the edge; kept for deliveries only.
    pub delivery_code: String,
    /// What is bounded, and what the edge knows.
    pub conditions: Conditions,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `changeOrderLines`: new lines, new prices, and the difference in the reservation.
#[derive(Debug, Clone)]
pub struct ChangeOrderLines {
    /// The order.
    pub order: OrderId,
    /// The lines that shall hold.
    pub lines: Vec<BasketLine>,
    /// The total that the caller expects, if they said.
    pub expected_total: Option<Cents>,
    /// Which bound applies to what its holders hold unpaid.
    pub bound: Bound,
    /// The work ahead of it, itself included.
    pub load: KitchenLoad,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `cancelOrder`: what was reserved is released; what was started is wasted; what was paid online goes back.
#[derive(Debug, Clone)]
pub struct CancelOrder {
    /// The order.
    pub order: OrderId,
    /// Why.
    pub reason: CancelReason,
    /// Whether the caller may cancel once preparation has started (managers).
    pub even_started: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `expireOrder`: an online order that stayed unpaid; its reservation is released.
#[derive(Debug, Clone)]
pub struct ExpireOrder {
    /// The order.
    pub order: OrderId,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `startPreparation`: the reservation is consumed.
#[derive(Debug, Clone)]
pub struct StartPreparation {
    /// The order.
    pub order: OrderId,
    /// Now.
    pub now: DateTime<Utc>,
}

/// How many pieces lines have.
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

    fn placement(&self, number: String, quote: Quote) -> Placement {
        Placement {
            order: self.order,
            number,
            pizzeria: self.pizzeria.clone(),
            channel: self.channel,
            fulfilment: self.basket.fulfilment,
            customer: self.customer,
            contact: self.contact,
            distance_m: quote.distance_m,
            delivery_code: match self.basket.fulfilment {
                Fulfilment::Delivery => Some(self.delivery_code.clone()),
                Fulfilment::Takeaway | Fulfilment::OnSite => None,
            },
            lines: quote.lines,
            needs: quote.needs,
            pricing: quote.pricing,
            notes: Vec::new(),
            payment: self.payment,
            promised_at: quote.promised_at,
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

    /// The refusal that is stored.
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
        // Last: only what there is can be held.
        self.claim().check(states)?;
        let lines = quote.needs.clone();
        let number = format!("{}-{:06}", self.pizzeria, stock.accepted().saturating_add(1));
        let place = OrderCommand::Place {
            placement: Box::new(self.placement(number, quote)),
            expected_total: self.expected_total,
            now: self.now,
        };
        let placed = order::decide(states.order(self.order), place)?;
        let (by, pieces) = (self.conditions.holders.clone(), pieces(&self.basket.lines));
        let held = Some(Held { by, pieces }).filter(|held| !held.by.is_empty());
        let reserve = StockCommand::Reserve { order: self.order, lines, held, now: self.now };
        Ok(Decision::on(StreamId::order(self.order), placed)
            .and(StreamId::stock(&self.pizzeria), stock::decide(stock, reserve)?))
    }
}

impl ChangeOrderLines {
    fn claim<'a>(&'a self, pizzeria: &'a PizzeriaId, stock: &'a Stock) -> Claim<'a> {
        Claim {
            pizzeria,
            holders: stock.held(self.order).map_or(&[], |held| held.by.as_slice()),
            bound: self.bound,
            order: self.order,
            pieces: pieces(&self.lines),
        }
    }
}

impl UseCase for ChangeOrderLines {
    fn name(&self) -> &'static str {
        "changeOrderLines"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let mut streams = with_stock(self.order, states);
        if let Some(order) = states.order(self.order).placed() {
            streams.extend([StreamId::menu(), StreamId::pizzeria(&order.pizzeria)]);
            streams.extend(self.claim(&order.pizzeria, states.stock(&order.pizzeria)).streams(states));
        }
        streams
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let order = order::changeable(states.order(self.order))?;
        let pizzeria = opened(states, &order.pizzeria)?;
        let stock = states.stock(&order.pizzeria);
        let quote = quote::requote(states.menu(), pizzeria, stock, order, &self.lines, self.load, self.now);
        let quote = accept(quote, Vec::new(), self.expected_total)?;
        if !quote.missing.is_empty() {
            return Err(OrderError::InsufficientStock { missing: quote.missing }.into());
        }
        let claim = self.claim(&order.pizzeria, stock);
        if stock.held(self.order).is_some_and(|held| held.pieces < claim.pieces) {
            claim.check(states)?;
        }
        let reserve = StockCommand::ChangeReservation {
            order: self.order,
            lines: quote.needs.clone(),
            pieces: claim.pieces,
            now: self.now,
        };
        let change = OrderCommand::ChangeLines {
            lines: quote.lines,
            needs: quote.needs,
            pricing: quote.pricing,
            promised_at: quote.promised_at,
            now: self.now,
        };
        Ok(Decision::on(StreamId::order(self.order), order::decide(states.order(self.order), change)?)
            .and(StreamId::stock(&order.pizzeria), stock::decide(stock, reserve)?))
    }
}

impl UseCase for CancelOrder {
    fn name(&self) -> &'static str {
        "cancelOrder"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        with_stock(self.order, states)
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let cancel =
            OrderCommand::Cancel { reason: self.reason, even_started: self.even_started, now: self.now };
        decide_with_stock(self.order, states, cancel, |order| {
            if order.started_at.is_none() {
                return StockCommand::Release { order: order.id, now: self.now };
            }
            // Of the states in which a started order may be cancelled, READY is that of what nobody collected.
            let uncollected = order.status() == OrderStatus::Ready;
            let reason = if uncollected { WasteReason::Uncollected } else { WasteReason::Mistake };
            StockCommand::WasteOrder { order: order.id, lines: order.needs.clone(), reason, now: self.now }
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
        decide_with_stock(self.order, states, OrderCommand::StartPreparation { now: self.now }, |order| {
            StockCommand::Consume { order: order.id, now: self.now }
        })
    }
}

/// An order's stream, and the stock's once the order is known.
fn with_stock(order: OrderId, states: &States<'_>) -> Vec<StreamId> {
    let mut streams = vec![StreamId::order(order)];
    streams.extend(states.order(order).placed().map(|placed| StreamId::stock(&placed.pizzeria)));
    streams
}

/// A command to an order, and what follows from it for the stock.
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

fn opened<'a>(states: &'a States<'_>, pizzeria: &PizzeriaId) -> Result<&'a OpenedPizzeria, Refusal> {
    states.pizzeria(pizzeria).opened().ok_or_else(|| PizzeriaError::NotFound.into())
}

/// The quote, when nothing but a want of stock stands in its way: that is left to the caller, which answers
/// it in its own way. Otherwise everything that does, the stock last.
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
        _ => {
            all.extend(wants);
            let refusals = all.into_iter().map(Refusal::from).collect();
            Err(Refusal::all(refusals).unwrap_or(OrderError::EmptyOrder.into()))
        }
    }
}

#[cfg(test)]
mod tests;
