//! Payments taken by a person. A courier must carry the order's delivery; the order decides the rest. Never
//! asks a payment provider.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::delivery::{DeliveryError, ScheduledDelivery};
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::money::Cents;
use crate::order::{self, OrderCommand, PaymentMethod};
use crate::stream::StreamId;

/// `recordPayment`: money taken at the counter or at the door.
#[derive(Debug, Clone)]
pub struct RecordPayment {
    /// The order.
    pub order: OrderId,
    /// Payment method; never [`PaymentMethod::Online`].
    pub method: PaymentMethod,
    /// Amount; more than zero.
    pub amount: Cents,
    /// The courier who took it and must carry the order's delivery; `None` for counter staff.
    pub by: Option<StaffId>,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// Whether a courier carries an order's delivery, or has delivered it and still records its payment.
pub fn carries(delivery: Option<&ScheduledDelivery>, courier: StaffId) -> bool {
    delivery.and_then(ScheduledDelivery::courier) == Some(courier)
}

impl UseCase for RecordPayment {
    fn name(&self) -> &'static str {
        "recordPayment"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        // The assignment is decided with the payment: if it ends in between, the payment is refused.
        let delivery = self.by.map(|_| StreamId::delivery(DeliveryId::of(self.order)));
        std::iter::once(StreamId::order(self.order)).chain(delivery).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        if let Some(courier) = self.by
            && !carries(states.delivery(DeliveryId::of(self.order)).scheduled(), courier)
        {
            return Err(DeliveryError::NotYours.into());
        }
        let (method, amount, now) = (self.method, self.amount, self.now);
        let command = OrderCommand::RecordPayment { method, amount, now };
        let events = order::decide(states.order(self.order), command)?;
        Ok(Decision::on(StreamId::order(self.order), events))
    }
}
