//! Deliveries: claimed or assigned; some fail, some codes are wrong.

use domain::delivery::{DeliveryCommand, DeliveryFailure, ProofGiven};
use domain::ids::{DeliveryId, StaffId};
use domain::usecase::{AssignDelivery, ToDelivery};
use rand::Rng;

use super::SimulateError;
use super::agenda::{Task, Ticket};
use super::play::Play;

/// Code of every delivery: a history is generated without the server's key.
const CODE: &str = "1234";
/// Maximum deliveries that a courier carries (DOMAIN.md, Delivery).
const MAX_CARRIED: usize = 3;

impl Play {
    /// Gives a delivery to the courier with the fewest; it waits if all are full.
    pub(super) fn claim(&mut self, ticket: Ticket) -> Result<(), SimulateError> {
        let couriers = self.branches[ticket.branch].couriers.iter().map(|account| StaffId(account.id));
        let freest = couriers.min_by_key(|courier| self.world.carried(*courier));
        let Some(courier) = freest.filter(|courier| self.world.carried(*courier) < MAX_CARRIED) else {
            self.later(60, 240, Task::Claim { ticket });
            return Ok(());
        };
        let claimed = self.chance(85);
        let actor = match self.branches[ticket.branch].courier(courier).filter(|_| claimed) {
            Some(account) => account.actor(),
            None => self.manager(ticket.branch),
        };
        let delivery = DeliveryId::of(ticket.order);
        if self.ask(actor, AssignDelivery { delivery, courier, claimed, now: self.now })? {
            if self.chance(3) {
                self.later(20, 120, Task::Unassign { ticket, courier });
            } else {
                self.later(40, 300, Task::PickUp { ticket, courier });
            }
        }
        Ok(())
    }

    pub(super) fn unassign(&mut self, ticket: Ticket, courier: StaffId) -> Result<(), SimulateError> {
        let command = DeliveryCommand::Unassign { by: Some(courier), now: self.now };
        self.tell_delivery(ticket, courier, "unassignDelivery", command)?;
        self.later(30, 200, Task::Claim { ticket });
        Ok(())
    }

    pub(super) fn pick_up(&mut self, ticket: Ticket, courier: StaffId) -> Result<(), SimulateError> {
        let command = DeliveryCommand::PickUp { by: Some(courier), now: self.now };
        if self.tell_delivery(ticket, courier, "pickUpDelivery", command)? {
            let wrong_code = ticket.customer.is_some() && self.chance(3);
            self.later(300, 900, Task::Arrive { ticket, courier, wrong_code });
        }
        Ok(())
    }

    pub(super) fn arrive(
        &mut self,
        ticket: Ticket,
        courier: StaffId,
        wrong_code: bool,
    ) -> Result<(), SimulateError> {
        if self.chance(5) {
            return self.shut_door(ticket, courier);
        }
        if wrong_code {
            let proof = ProofGiven::Code { given: "none".to_owned(), derived: vec![CODE.to_owned()] };
            let command = DeliveryCommand::Complete { by: Some(courier), proof, now: self.now };
            self.tell_delivery(ticket, courier, "completeDelivery", command)?;
            self.later(15, 60, Task::Arrive { ticket, courier, wrong_code: false });
            return Ok(());
        }
        if let Some(account) = self.branches[ticket.branch].courier(courier) {
            let actor = account.actor();
            self.take_payment(ticket, actor)?;
        }
        let proof = match (ticket.customer, self.rng.random_range(0..100)) {
            (Some(_), 0..90) => ProofGiven::Code { given: CODE.to_owned(), derived: vec![CODE.to_owned()] },
            (_, 0..97) => ProofGiven::ReceivedBy(self.contact()),
            _ => ProofGiven::Photo(self.contact()),
        };
        let command = DeliveryCommand::Complete { by: Some(courier), proof, now: self.now };
        if self.tell_delivery(ticket, courier, "completeDelivery", command)? {
            self.complain(ticket);
        }
        Ok(())
    }

    /// Fails a delivery: it is retried, or returned and refunded.
    fn shut_door(&mut self, ticket: Ticket, courier: StaffId) -> Result<(), SimulateError> {
        use DeliveryFailure::{Absent, Accident, Refused, Unreachable, WrongAddress};
        let reason = match self.rng.random_range(0..100) {
            0..60 => Absent,
            60..80 => WrongAddress,
            80..90 => Unreachable,
            90..97 => Refused,
            _ => Accident,
        };
        let command = DeliveryCommand::Fail { by: Some(courier), reason, now: self.now };
        if !self.tell_delivery(ticket, courier, "failDelivery", command)? {
            return Ok(());
        }
        let again = reason == Absent && self.chance(75);
        if again {
            let command = DeliveryCommand::Retry { by: Some(courier), now: self.now };
            self.tell_delivery(ticket, courier, "retryDelivery", command)?;
            self.later(300, 1_200, Task::PickUp { ticket, courier });
        } else {
            let command = DeliveryCommand::Return { by: Some(courier), now: self.now };
            self.tell_delivery(ticket, courier, "returnDelivery", command)?;
            self.later(600, 3_600, Task::Refund { ticket, percent: 100 });
        }
        Ok(())
    }

    fn tell_delivery(
        &mut self,
        ticket: Ticket,
        courier: StaffId,
        name: &'static str,
        command: DeliveryCommand,
    ) -> Result<bool, SimulateError> {
        let Some(account) = self.branches[ticket.branch].courier(courier) else { return Ok(false) };
        let actor = account.actor();
        self.ask(actor, ToDelivery { name, delivery: DeliveryId::of(ticket.order), command })
    }
}
