//! Deliveries and the couriers who carry them, decided together and stored in one transaction.

use chrono::{DateTime, Utc};

use super::{Decision, Refusal, States, UseCase};
use crate::delivery::DeliveryCommand;
use crate::ids::{DeliveryId, OrderId, StaffId};
use crate::stream::StreamId;

/// `scheduleDelivery` (reactor): an order became ready for delivery.
#[derive(Debug, Clone)]
pub struct ScheduleDelivery {
    /// The order; the delivery's id follows from it.
    pub order: OrderId,
    /// Now.
    pub now: DateTime<Utc>,
}

/// `claimDelivery` and `assignDelivery`: a courier has it to carry, at most three at a time.
#[derive(Debug, Clone)]
pub struct AssignDelivery {
    /// The delivery.
    pub delivery: DeliveryId,
    /// Who will carry it.
    pub courier: StaffId,
    /// Whether the courier asked (`claimDelivery`).
    pub claimed: bool,
    /// Now.
    pub now: DateTime<Utc>,
}

/// Any other command to a delivery; when it leaves the courier's hands, the courier's stream says so too.
#[derive(Debug, Clone)]
pub struct ToDelivery {
    /// The command's name, `pickUpDelivery`.
    pub name: &'static str,
    /// The delivery.
    pub delivery: DeliveryId,
    /// The command.
    pub command: DeliveryCommand,
}

macro_rules! stub { ($($t:ident => $n:literal),*) => {$(
impl UseCase for $t {
    fn name(&self) -> &'static str { $n }
    fn streams(&self, _states: &States<'_>) -> Vec<StreamId> { todo!() }
    fn decide(&self, _states: &States<'_>) -> Result<Decision, Refusal> { todo!() }
}
)*}}
stub!(ScheduleDelivery => "scheduleDelivery", AssignDelivery => "assignDelivery", ToDelivery => "toDelivery");
