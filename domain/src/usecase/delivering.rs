//! Use cases over a delivery, its courier and its order, decided together and stored in one transaction. They
//! never check permissions; the caller has.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::delivery::{
    self, DeliveryCommand, DeliveryError, DeliveryEvent, DeliveryFailure, ScheduledDelivery,
};
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::order::{self, Fulfilment, Order, OrderCommand, OrderError, OrderStatus};
use crate::staff::{self, StaffCommand, StaffError};
use crate::stream::StreamId;

/// `scheduleDelivery`, sent by a reactor: an order became ready for delivery.
#[derive(Debug, Clone)]
pub struct ScheduleDelivery {
    /// The order, from which the delivery's id is derived.
    pub order: OrderId,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// `claimDelivery` and `assignDelivery`: assigns a delivery to a courier, who carries at most three.
#[derive(Debug, Clone)]
pub struct AssignDelivery {
    /// The delivery.
    pub delivery: DeliveryId,
    /// The courier who will carry it.
    pub courier: StaffId,
    /// Whether the courier claimed it (`claimDelivery`).
    pub claimed: bool,
    /// Current time, given by the caller.
    pub now: DateTime<Utc>,
}

/// Any other command to a delivery. If it ends the assignment, the courier's stream records that too.
#[derive(Debug, Clone)]
pub struct ToDelivery {
    /// Name of the command, such as `pickUpDelivery`.
    pub name: &'static str,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The command.
    pub command: DeliveryCommand,
}

impl UseCase for ScheduleDelivery {
    fn name(&self) -> &'static str {
        "scheduleDelivery"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::delivery(DeliveryId::of(self.order)), StreamId::order(self.order)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let id = DeliveryId::of(self.order);
        let delivery = states.delivery(id);
        if delivery.scheduled().is_some() {
            return Err(DeliveryError::AlreadyScheduled.into());
        }
        let order = match states.order(self.order) {
            Order::Placed(order) => order,
            Order::Refused(_) => return Err(OrderError::WrongState { status: OrderStatus::Refused }.into()),
            Order::NotPlaced => return Err(OrderError::NotFound.into()),
        };
        if order.status() != OrderStatus::Ready || order.fulfilment != Fulfilment::Delivery {
            return Err(OrderError::WrongState { status: order.status() }.into());
        }
        let schedule = DeliveryCommand::Schedule {
            delivery: id,
            order: order.id,
            number: order.number.clone(),
            pizzeria: order.pizzeria.clone(),
            customer: order.customer,
            contact: order.contact,
            distance_m: order.distance_m,
            code: order.delivery_code.clone(),
            promised_at: order.promised_at(),
            now: self.now,
        };
        Ok(Decision::on(StreamId::delivery(id), delivery::decide(delivery, schedule)?))
    }
}

impl UseCase for AssignDelivery {
    fn name(&self) -> &'static str {
        if self.claimed { "claimDelivery" } else { "assignDelivery" }
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::delivery(self.delivery), StreamId::staff(self.courier)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let delivery = states.delivery(self.delivery);
        let assign = DeliveryCommand::Assign { courier: self.courier, claimed: self.claimed, now: self.now };
        // The delivery decides first: of two concurrent claims, the second is refused because it is taken.
        let assigned = delivery::decide(delivery, assign)?;
        let pizzeria = delivery.scheduled().ok_or(DeliveryError::NotFound)?.pizzeria.clone();
        if pizzeria.is_functional_check() {
            // The functional check has no staff: its actor carries the delivery and nothing else.
            return Ok(Decision::on(StreamId::delivery(self.delivery), assigned));
        }
        let take = StaffCommand::Take { delivery: self.delivery, pizzeria, now: self.now };
        let taken = staff::decide(states.staff(self.courier), take).map_err(|error| match error {
            StaffError::NotFound | StaffError::NotACourier => {
                Refusal::from(DeliveryError::UnknownCourier { courier: self.courier })
            }
            StaffError::Full { max } => DeliveryError::CourierFull { max }.into(),
            StaffError::AlreadyHired
            | StaffError::AlreadyRevoked
            | StaffError::LastDirector
            | StaffError::RoleNotAllowed { .. }
            | StaffError::NothingToChange => error.into(),
        })?;
        Ok(Decision::on(StreamId::delivery(self.delivery), assigned)
            .and(StreamId::staff(self.courier), taken))
    }
}

impl ToDelivery {
    /// Whether the command may complete the delivery, which needs the order's state.
    fn completes(&self) -> bool {
        match self.command {
            DeliveryCommand::Complete { .. } => true,
            DeliveryCommand::Assign { .. }
            | DeliveryCommand::Schedule { .. }
            | DeliveryCommand::Unassign { .. }
            | DeliveryCommand::PickUp { .. }
            | DeliveryCommand::Fail { .. }
            | DeliveryCommand::Retry { .. }
            | DeliveryCommand::Return { .. } => false,
        }
    }

    /// Returns the assignment, which also involves the courier, if the command is one.
    fn assignment(&self) -> Option<AssignDelivery> {
        match self.command {
            DeliveryCommand::Assign { courier, claimed, now } => {
                Some(AssignDelivery { delivery: self.delivery, courier, claimed, now })
            }
            DeliveryCommand::Schedule { .. }
            | DeliveryCommand::Unassign { .. }
            | DeliveryCommand::PickUp { .. }
            | DeliveryCommand::Complete { .. }
            | DeliveryCommand::Fail { .. }
            | DeliveryCommand::Retry { .. }
            | DeliveryCommand::Return { .. } => None,
        }
    }
}

impl UseCase for ToDelivery {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        if let Some(assignment) = self.assignment() {
            return assignment.streams(states);
        }
        let delivery = states.delivery(self.delivery).scheduled();
        let courier = delivery.and_then(ScheduledDelivery::courier).map(StreamId::staff);
        let order = delivery.filter(|_| self.completes()).map(|delivery| StreamId::order(delivery.order));
        std::iter::once(StreamId::delivery(self.delivery)).chain(courier).chain(order).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        if let Some(assignment) = self.assignment() {
            return assignment.decide(states);
        }
        let delivery = states.delivery(self.delivery);
        let events = delivery::decide(delivery, self.command.clone())?;
        let order = delivery.scheduled().and_then(|delivery| states.order(delivery.order).placed());
        if events.iter().any(|event| matches!(event, DeliveryEvent::DeliveryCompleted { .. }))
            && let Some(order) = order
        {
            // The goods change hands: an online order must be paid first.
            order::paid_as_agreed(order)?;
        }
        let holder = delivery
            .scheduled()
            .filter(|delivery| !delivery.pizzeria.is_functional_check())
            .and_then(ScheduledDelivery::courier);
        let mut put_down = None;
        for event in &events {
            match event {
                DeliveryEvent::DeliveryUnassigned { at, .. }
                | DeliveryEvent::DeliveryCompleted { at, .. }
                | DeliveryEvent::DeliveryReturned { at } => {
                    put_down = holder.map(|courier| (courier, *at));
                }
                DeliveryEvent::WrongCodeGiven { .. }
                | DeliveryEvent::DeliveryScheduled { .. }
                | DeliveryEvent::DeliveryAssigned { .. }
                | DeliveryEvent::DeliveryPickedUp { .. }
                | DeliveryEvent::DeliveryFailed { .. }
                | DeliveryEvent::DeliveryRetryScheduled { .. } => {}
            }
        }
        let mut decision = Decision::on(StreamId::delivery(self.delivery), events).refusing_as_recorded();
        if let Some((courier, now)) = put_down {
            let put_down = StaffCommand::PutDown { delivery: self.delivery, now };
            let put_down = staff::decide(states.staff(courier), put_down)?;
            decision = decision.and(StreamId::staff(courier), put_down);
        }
        Ok(decision)
    }
}

/// `markOutForDelivery`, `markDelivered`, `markNotDelivered`, `markReturned`, sent by a reactor: passes a
/// delivery's step on to its order, which the delivery names.
#[derive(Debug, Clone)]
pub struct TrackDelivery {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Step of the delivery.
    pub step: DeliveryStep,
    /// When the step was taken.
    pub now: DateTime<Utc>,
}

/// Step of a delivery that its order follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryStep {
    /// The courier left with it.
    PickedUp,
    /// The customer has it.
    Completed,
    /// It could not be delivered.
    Failed {
        /// Reason.
        reason: DeliveryFailure,
    },
    /// It was returned.
    Returned,
}

impl UseCase for TrackDelivery {
    fn name(&self) -> &'static str {
        match self.step {
            DeliveryStep::PickedUp => "markOutForDelivery",
            DeliveryStep::Completed => "markDelivered",
            DeliveryStep::Failed { .. } => "markNotDelivered",
            DeliveryStep::Returned => "markReturned",
        }
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let order = states.delivery(self.delivery).scheduled().map(|delivery| delivery.order);
        std::iter::once(StreamId::delivery(self.delivery)).chain(order.map(StreamId::order)).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let delivery = states.delivery(self.delivery).scheduled().ok_or(DeliveryError::NotFound)?;
        let now = self.now;
        let command = match self.step {
            DeliveryStep::PickedUp => OrderCommand::MarkOutForDelivery { now },
            DeliveryStep::Completed => OrderCommand::MarkDelivered { now },
            DeliveryStep::Failed { reason } => OrderCommand::MarkNotDelivered { reason, now },
            DeliveryStep::Returned => OrderCommand::MarkReturned { now },
        };
        let events = order::decide(states.order(delivery.order), command)?;
        Ok(Decision::on(StreamId::order(delivery.order), events))
    }
}
