//! Releases the stock of unpaid orders by one command of a manager. It never goes by time: a late order is
//! cancelled only if the manager names it.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::ids::{OrderId, PizzeriaId};
use crate::money::Cents;
use crate::order::{self, CancelReason, Order, OrderCommand, OrderStatus, PaymentMethod, PlacedOrder};
use crate::stock::{self, StockCommand};
use crate::stream::StreamId;

/// `releaseUnpaidOrders`: cancels the named orders that are neither paid nor started and releases their
/// reservations, in one transaction. The others stay unchanged: they may have been paid or started since the
/// manager looked, or are partly paid by hand and must be refunded first.
#[derive(Debug, Clone)]
pub struct ReleaseUnpaidOrders {
    /// The pizzeria; orders of other pizzerias stay unchanged.
    pub pizzeria: PizzeriaId,
    /// The orders.
    pub orders: Vec<OrderId>,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

impl ReleaseUnpaidOrders {
    /// Whether an order is released: not fully paid, not started, and paid online at most, which is refunded
    /// automatically.
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
            // The next release is decided over the stock that this one leaves.
            freed.iter().for_each(|event| stock.evolve(event));
            decision =
                decision.and(StreamId::order(id), cancelled).and(StreamId::stock(&self.pizzeria), freed);
        }
        Ok(decision)
    }
}
