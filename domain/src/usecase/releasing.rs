//! Unpaid orders whose stock is wanted back: a manager's one command over many orders. Nothing here goes by a
//! clock: an order that the kitchen is late with is not cancelled unless a manager names it.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::ids::{OrderId, PizzeriaId};
use crate::money::Cents;
use crate::order::{self, CancelReason, Order, OrderCommand, OrderStatus, PaymentMethod, PlacedOrder};
use crate::stock::{self, StockCommand};
use crate::stream::StreamId;

/// `releaseUnpaidOrders`: cancels those of some orders that are neither paid nor started, and releases what is
/// reserved for them, in one transaction. The others stay as they are: one may have been paid, or begun, since
/// the manager looked. So does an order that was paid in part by hand: its money is to be given back first.
#[derive(Debug, Clone)]
pub struct ReleaseUnpaidOrders {
    /// Whose orders; those of another pizzeria stay as they are.
    pub pizzeria: PizzeriaId,
    /// Which.
    pub orders: Vec<OrderId>,
    /// Now.
    pub now: DateTime<Utc>,
}

impl ReleaseUnpaidOrders {
    /// Whether an order is released: not paid in full, not started, and nothing was taken for it but what goes
    /// back of itself.
    fn releases(&self, order: &PlacedOrder) -> bool {
        let waits = match order.status() {
            OrderStatus::AwaitingPayment | OrderStatus::Placed => true,
            OrderStatus::Refused
            | OrderStatus::InPreparation
            | OrderStatus::Ready
            | OrderStatus::OutForDelivery
            | OrderStatus::Delivered
            | OrderStatus::NotDelivered
            | OrderStatus::Returned
            | OrderStatus::HandedOver
            | OrderStatus::Cancelled
            | OrderStatus::Expired => false,
        };
        let by_hand = order.paid - order::paid_by(order, PaymentMethod::Online);
        waits && by_hand <= Cents::ZERO && order.pizzeria == self.pizzeria && order.due() > Cents::ZERO
    }
}

impl UseCase for ReleaseUnpaidOrders {
    fn name(&self) -> &'static str {
        "releaseUnpaidOrders"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        let orders = self.orders.iter().copied().map(StreamId::order);
        std::iter::once(StreamId::stock(&self.pizzeria)).chain(orders).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let mut stock = states.stock(&self.pizzeria).clone();
        let mut decision = Decision::default();
        let released = |order: &Order| order.placed().is_some_and(|order| self.releases(order));
        for id in self.orders.iter().copied().filter(|id| released(states.order(*id))) {
            let cancel = OrderCommand::Cancel {
                reason: CancelReason::PizzeriaRequest,
                even_started: false,
                now: self.now,
            };
            let cancelled = order::decide(states.order(id), cancel)?;
            let freed = stock::decide(&stock, StockCommand::Release { order: id, now: self.now })?;
            // The next one is released from what this one leaves.
            freed.iter().for_each(|event| stock.evolve(event));
            decision =
                decision.and(StreamId::order(id), cancelled).and(StreamId::stock(&self.pizzeria), freed);
        }
        Ok(decision)
    }
}
