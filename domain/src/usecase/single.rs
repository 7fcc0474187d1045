//! Use cases over a single aggregate. Each only passes its command on.

#[cfg(test)]
mod tests;

use super::{Decision, Refusal, States, UseCase};
use crate::closing::{self, ClosingCommand};
use crate::customer::{self, CustomerCommand};
use crate::ids::{CustomerId, OrderId, PizzeriaId, StaffId};
use crate::menu::{self, MenuCommand};
use crate::order::{self, OrderCommand};
use crate::pizzeria::{self, PizzeriaCommand};
use crate::staff::{self, StaffCommand};
use crate::stream::StreamId;

/// Command to one order that does not touch the stock: payments, baking, ready, hand-over.
#[derive(Debug, Clone)]
pub struct ToOrder {
    /// Name of the command, such as `markOrderReady`.
    pub name: &'static str,
    /// The order.
    pub order: OrderId,
    /// The command.
    pub command: OrderCommand,
}

/// `openPizzeria`, `updatePizzeria`, `pausePizzeria`, `resumePizzeria`.
#[derive(Debug, Clone)]
pub struct ToPizzeria {
    /// Name of the command.
    pub name: &'static str,
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The command.
    pub command: PizzeriaCommand,
}

/// `publishMenu`.
#[derive(Debug, Clone)]
pub struct ToMenu {
    /// The command.
    pub command: MenuCommand,
}

/// Command to one member of staff that involves no other: `updateMyAccount`, `changePassword`.
#[derive(Debug, Clone)]
pub struct ToStaff {
    /// Name of the command.
    pub name: &'static str,
    /// The member of staff.
    pub staff: StaffId,
    /// The command.
    pub command: StaffCommand,
}

/// `signUp`, `verifyEmail`, `updateMyAccount`, `changePassword`, `resetPassword`, `eraseMyAccount`.
#[derive(Debug, Clone)]
pub struct ToCustomer {
    /// Name of the command.
    pub name: &'static str,
    /// The customer.
    pub customer: CustomerId,
    /// The command.
    pub command: CustomerCommand,
}

/// `closeDay`, sent by the timer.
#[derive(Debug, Clone)]
pub struct ToClosing {
    /// The pizzeria.
    pub pizzeria: PizzeriaId,
    /// The command.
    pub command: ClosingCommand,
}

impl UseCase for ToClosing {
    fn name(&self) -> &'static str {
        "closeDay"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::closing(&self.pizzeria)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let events = closing::decide(states.closing(&self.pizzeria), self.command.clone())?;
        Ok(Decision::on(StreamId::closing(&self.pizzeria), events))
    }
}

impl UseCase for ToOrder {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::order(self.order)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let events = order::decide(states.order(self.order), self.command.clone())?;
        Ok(Decision::on(StreamId::order(self.order), events).refusing_as_recorded())
    }
}

impl UseCase for ToPizzeria {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::pizzeria(&self.pizzeria)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let events = pizzeria::decide(states.pizzeria(&self.pizzeria), self.command.clone())?;
        Ok(Decision::on(StreamId::pizzeria(&self.pizzeria), events))
    }
}

impl UseCase for ToMenu {
    fn name(&self) -> &'static str {
        "publishMenu"
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::menu()]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let refusals = menu::refusals(states.menu(), &self.command);
        if let Some(refusal) = Refusal::all(refusals.into_iter().map(Refusal::from).collect()) {
            return Err(refusal);
        }
        Ok(Decision::on(StreamId::menu(), menu::decide(states.menu(), self.command.clone())?))
    }
}

impl UseCase for ToStaff {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::staff(self.staff)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let events = staff::decide(states.staff(self.staff), self.command.clone())?;
        Ok(Decision::on(StreamId::staff(self.staff), events))
    }
}

impl UseCase for ToCustomer {
    fn name(&self) -> &'static str {
        self.name
    }

    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> {
        vec![StreamId::customer(self.customer)]
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let events = customer::decide(states.customer(self.customer), self.command.clone())?;
        Ok(Decision::on(StreamId::customer(self.customer), events))
    }
}
