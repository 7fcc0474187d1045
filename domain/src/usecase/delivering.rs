//! Use cases over a delivery, its courier and its order, decided together and stored in one transaction. They
//! never check permissions; the caller has.

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::delivery::{
    self, DeliveryCommand, DeliveryError, DeliveryEvent, DeliveryFailure, DeliveryProgress, ScheduledDelivery,
};
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::order::{self, Fulfilment, Order, OrderCommand, OrderError, OrderEvent, OrderStatus};
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

/// Any other command to a delivery. The order takes the step that belongs to it in the same transaction; if it ends the
/// assignment, the courier's stream records that too.
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
    /// Whether the order may take a step with the delivery's.
    fn is_joint(&self) -> bool {
        match self.command {
            DeliveryCommand::PickUp { .. }
            | DeliveryCommand::Complete { .. }
            | DeliveryCommand::Fail { .. }
            | DeliveryCommand::Return { .. } => true,
            DeliveryCommand::Assign { .. }
            | DeliveryCommand::Schedule { .. }
            | DeliveryCommand::Unassign { .. }
            | DeliveryCommand::Retry { .. } => false,
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
        let order = delivery.filter(|_| self.is_joint()).map(|delivery| StreamId::order(delivery.order));
        std::iter::once(StreamId::delivery(self.delivery)).chain(courier).chain(order).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        if let Some(assignment) = self.assignment() {
            return assignment.decide(states);
        }
        let delivery = states.delivery(self.delivery);
        let events = delivery::decide(delivery, self.command.clone())?;
        let mut steps: Vec<OrderEvent> = Vec::new();
        if let Some(delivery) = delivery.scheduled() {
            let mut order = states.order(delivery.order).clone();
            for command in events.iter().filter_map(step_of_the_order) {
                if let (OrderCommand::MarkDelivered { .. }, Some(order)) = (&command, order.placed()) {
                    // The goods change hands: an online order must be paid first.
                    order::paid_as_agreed(order)?;
                }
                for command in missed(&order, delivery).into_iter().chain([command]) {
                    let taken = order::decide(&order, command)?;
                    taken.iter().for_each(|event| order.evolve(event));
                    steps.extend(taken);
                }
            }
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
                | DeliveryEvent::DeliveryReturned { at, .. } => {
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
        if let Some(delivery) = delivery.scheduled() {
            decision = decision.and(StreamId::order(delivery.order), steps);
        }
        if let Some((courier, now)) = put_down {
            let put_down = StaffCommand::PutDown { delivery: self.delivery, now };
            let put_down = staff::decide(states.staff(courier), put_down)?;
            decision = decision.and(StreamId::staff(courier), put_down);
        }
        Ok(decision)
    }
}

/// Returns the order's step that belongs to a delivery's.
fn step_of_the_order(event: &DeliveryEvent) -> Option<OrderCommand> {
    match *event {
        DeliveryEvent::DeliveryPickedUp { at, .. } => Some(OrderCommand::MarkOutForDelivery { now: at }),
        DeliveryEvent::DeliveryCompleted { at, .. } => Some(OrderCommand::MarkDelivered { now: at }),
        DeliveryEvent::DeliveryFailed { reason, at, .. } => {
            Some(OrderCommand::MarkNotDelivered { reason, now: at })
        }
        DeliveryEvent::DeliveryReturned { at, .. } => Some(OrderCommand::MarkReturned { now: at }),
        DeliveryEvent::DeliveryScheduled { .. }
        | DeliveryEvent::DeliveryAssigned { .. }
        | DeliveryEvent::DeliveryUnassigned { .. }
        | DeliveryEvent::WrongCodeGiven { .. }
        | DeliveryEvent::DeliveryRetryScheduled { .. } => None,
    }
}

/// Returns the steps that the order has not taken although its delivery has: release 0.1 stored the delivery's step
/// alone and copied it later. None, for every step since.
fn missed(order: &Order, delivery: &ScheduledDelivery) -> Vec<OrderCommand> {
    let Some(status) = order.status() else { return Vec::new() };
    let out =
        || OrderCommand::MarkOutForDelivery { now: delivery.picked_up_at.unwrap_or(delivery.scheduled_at) };
    let ended_at = delivery.ended_at.unwrap_or(delivery.scheduled_at);
    let mut steps = Vec::new();
    let (failed, last) = match &delivery.progress {
        DeliveryProgress::Scheduled | DeliveryProgress::Assigned { .. } => return steps,
        DeliveryProgress::PickedUp { .. } if status == OrderStatus::OutForDelivery => return steps,
        DeliveryProgress::PickedUp { .. } => return vec![out()],
        DeliveryProgress::Delivered { at, .. } => (None, Some(OrderCommand::MarkDelivered { now: *at })),
        DeliveryProgress::Failed { reason, at, .. } => (Some((*reason, *at)), None),
        // Which reason it had is no longer known here.
        DeliveryProgress::RetryScheduled { .. } => (Some((DeliveryFailure::Other, ended_at)), None),
        DeliveryProgress::Returned { at } => {
            (Some((DeliveryFailure::Other, *at)), Some(OrderCommand::MarkReturned { now: *at }))
        }
    };
    let behind = |steps: &[OrderStatus]| steps.contains(&status);
    if behind(&[OrderStatus::Ready]) {
        steps.push(out());
    }
    if let Some((reason, now)) = failed.filter(|_| behind(&[OrderStatus::Ready, OrderStatus::OutForDelivery]))
    {
        steps.push(OrderCommand::MarkNotDelivered { reason, now });
    }
    if behind(&[OrderStatus::Ready, OrderStatus::OutForDelivery, OrderStatus::NotDelivered]) {
        steps.extend(last);
    }
    steps
}

/// `catchUpWithDelivery`, sent by a reactor for a step that release 0.1 stored alone: the order takes the steps that it
/// lacks, if any.
#[derive(Debug, Clone)]
pub struct CatchUpWithDelivery {
    /// The delivery, which names the order.
    pub delivery: DeliveryId,
}

impl UseCase for CatchUpWithDelivery {
    fn name(&self) -> &'static str {
        "catchUpWithDelivery"
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        let order = states.delivery(self.delivery).scheduled().map(|delivery| delivery.order);
        std::iter::once(StreamId::delivery(self.delivery)).chain(order.map(StreamId::order)).collect()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let delivery = states.delivery(self.delivery).scheduled().ok_or(DeliveryError::NotFound)?;
        let mut order = states.order(delivery.order).clone();
        let mut steps: Vec<OrderEvent> = Vec::new();
        for command in missed(&order, delivery) {
            let taken = order::decide(&order, command)?;
            taken.iter().for_each(|event| order.evolve(event));
            steps.extend(taken);
        }
        Ok(Decision::on(StreamId::order(delivery.order), steps))
    }
}
