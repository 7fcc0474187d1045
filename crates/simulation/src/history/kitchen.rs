//! The kitchen, oldest order first, and the counter.

use chrono::TimeDelta;
use domain::ids::StaffId;
use domain::order::{Fulfilment, OrderCommand, OrderStatus};
use domain::usecase::{StartPreparation, ToOrder};
use rand::Rng;

use super::SimulateError;
use super::agenda::{Task, Ticket};
use super::play::Play;

/// Seconds between two starts of preparation in a kitchen.
const START_INTERVAL_SECONDS: i64 = 55;

impl Play {
    /// Schedules the start of preparation.
    pub(super) fn queue(&mut self, ticket: Ticket) {
        let seen = self.now + TimeDelta::seconds(self.rng.random_range(40..180));
        let start = seen.max(self.kitchen_free[ticket.branch]);
        self.kitchen_free[ticket.branch] = start + TimeDelta::seconds(START_INTERVAL_SECONDS);
        self.agenda.note(start, Task::Start { ticket });
    }

    pub(super) fn start(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        if self.status(ticket) != Some(OrderStatus::Placed) {
            return Ok(());
        }
        let pizzaiolo = self.pizzaiolo(ticket.branch);
        let by = Some(StaffId(pizzaiolo.id));
        if !self.ask(pizzaiolo, StartPreparation { by, order: ticket.order, now: self.now })? {
            return Ok(());
        }
        let pizzas: Vec<u32> = self.world.order(ticket.order).map_or_else(Vec::new, |order| {
            order.lines.iter().filter(|line| line.size.is_some()).map(|line| line.line).collect()
        });
        let mut baked = 280;
        for line in pizzas {
            self.later(baked, baked + 60, Task::Bake { ticket, line });
            baked += 70;
        }
        self.later(baked + 10, baked + 60, Task::Ready { ticket });
        if self.rng.random_ratio(8, 1_000) {
            self.later(60, 240, Task::Cancel { ticket });
        }
        Ok(())
    }

    pub(super) fn bake(&mut self, ticket: Ticket, line: u32) -> Result<(), SimulateError> {
        if self.status(ticket) != Some(OrderStatus::InPreparation) {
            return Ok(());
        }
        let command = OrderCommand::MarkItemBaked { line, now: self.now };
        let pizzaiolo = self.pizzaiolo(ticket.branch);
        self.ask(pizzaiolo, ToOrder { name: "markItemBaked", order: ticket.order, command }).map(|_| ())
    }

    pub(super) fn ready(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        if self.status(ticket) != Some(OrderStatus::InPreparation) {
            return Ok(());
        }
        let command = OrderCommand::MarkReady { now: self.now };
        let pizzaiolo = self.pizzaiolo(ticket.branch);
        self.ask(pizzaiolo, ToOrder { name: "markOrderReady", order: ticket.order, command })?;
        match self.world.order(ticket.order).map(|order| order.fulfilment) {
            Some(Fulfilment::Delivery) => self.later(30, 300, Task::Claim { ticket }),
            // Some are not collected: the manager cancels them.
            Some(Fulfilment::Takeaway) if self.chance(2) => {
                self.later(4_500, 5_400, Task::Cancel { ticket });
            }
            Some(Fulfilment::Takeaway | Fulfilment::OnSite) => self.later(30, 900, Task::HandOver { ticket }),
            None => {}
        }
        Ok(())
    }

    pub(super) fn hand_over(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        if self.status(ticket) != Some(OrderStatus::Ready) {
            return Ok(());
        }
        let receptionist = self.receptionist(ticket.branch);
        self.take_payment(ticket, receptionist.clone())?;
        let command = OrderCommand::HandOver { now: self.now };
        self.ask(receptionist, ToOrder { name: "handOverOrder", order: ticket.order, command })?;
        self.complain(ticket);
        Ok(())
    }

    /// Schedules refunds for some orders, the same day or the next.
    pub(super) fn complain(&mut self, ticket: Ticket) {
        if self.rng.random_ratio(12, 1_000) {
            let percent = self.rng.random_range(10..=60);
            let (from, to) = if self.chance(60) { (600, 5_400) } else { (50_000, 90_000) };
            self.later(from, to, Task::Refund { ticket, percent });
        }
    }
}
