//! State of a delivery, folded from its events. Folding never fails.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::events::{DeliveryEvent, DeliveryFailure, Proof};
use crate::ids::{ContactId, CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};
use crate::note::NoteRef;

/// Wrong codes allowed for a delivery; after that only a name or a photograph proves it (DOMAIN.md,
/// Delivery).
pub const MAX_CODE_TRIES: u32 = 5;

coded! { $ for_each_delivery_status
    /// States of DOMAIN.md, without their data.
    pub enum DeliveryStatus {
        /// Waiting for a courier.
        Scheduled = "SCHEDULED",
        /// A courier will take it.
        Assigned = "ASSIGNED",
        /// On its way.
        PickedUp = "PICKED_UP",
        /// At the customer's.
        Delivered = "DELIVERED",
        /// It could not be delivered; the courier still has it.
        Failed = "FAILED",
        /// To be tried again.
        RetryScheduled = "RETRY_SCHEDULED",
        /// Back at the pizzeria for good.
        Returned = "RETURNED",
    }
}

impl DeliveryStatus {
    /// Whether no event follows.
    pub fn is_closed(self) -> bool {
        match self {
            Self::Delivered | Self::Returned => true,
            Self::Scheduled | Self::Assigned | Self::PickedUp | Self::Failed | Self::RetryScheduled => false,
        }
    }
}

/// Progress of a delivery, with the data of each state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum DeliveryProgress {
    /// Waiting for a courier.
    Scheduled,
    /// A courier will take it.
    Assigned {
        /// The courier.
        courier: StaffId,
    },
    /// On its way.
    PickedUp {
        /// The courier.
        courier: StaffId,
    },
    /// Delivered to the customer.
    Delivered {
        /// The courier.
        courier: StaffId,
        /// Proof that the customer has it.
        proof: Proof,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It could not be delivered; the courier still has it.
    Failed {
        /// The courier who tried.
        courier: StaffId,
        /// Reason.
        reason: DeliveryFailure,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// To be tried again.
    RetryScheduled {
        /// The courier who has it; `None` once it was unassigned.
        courier: Option<StaffId>,
    },
    /// Returned to the pizzeria.
    Returned {
        /// When it happened.
        at: DateTime<Utc>,
    },
}

/// A scheduled delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledDelivery {
    /// Id.
    pub id: DeliveryId,
    /// The order.
    pub order: OrderId,
    /// The order's number.
    pub number: String,
    /// The pizzeria that delivers.
    pub pizzeria: PizzeriaId,
    /// The customer, if they have an account.
    pub customer: Option<CustomerId>,
    /// The row of personal data with the address.
    pub contact: Option<ContactId>,
    /// Distance to the customer, in metres.
    pub distance_m: Option<u32>,
    /// The customer's four digits.
    pub code: Option<String>,
    /// Wrong codes given so far.
    pub wrong_codes: u32,
    /// Number of times that a courier left with it.
    pub attempts: u32,
    /// Promised time.
    pub promised_at: DateTime<Utc>,
    /// Progress, with the data of its state.
    pub progress: DeliveryProgress,
    /// Scheduling time.
    pub scheduled_at: DateTime<Utc>,
    /// When a courier was first assigned.
    pub assigned_at: Option<DateTime<Utc>>,
    /// When a courier last left with it.
    pub picked_up_at: Option<DateTime<Utc>>,
    /// When it was last delivered, failed or returned.
    pub ended_at: Option<DateTime<Utc>>,
    /// Comment beside the reason of its last failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure_note: Option<NoteRef>,
}

/// State of a delivery.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Delivery {
    /// The stream is empty.
    #[default]
    NotScheduled,
    /// The delivery is scheduled.
    Scheduled(Box<ScheduledDelivery>),
}

impl ScheduledDelivery {
    /// Returns the status.
    pub fn status(&self) -> DeliveryStatus {
        match self.progress {
            DeliveryProgress::Scheduled => DeliveryStatus::Scheduled,
            DeliveryProgress::Assigned { .. } => DeliveryStatus::Assigned,
            DeliveryProgress::PickedUp { .. } => DeliveryStatus::PickedUp,
            DeliveryProgress::Delivered { .. } => DeliveryStatus::Delivered,
            DeliveryProgress::Failed { .. } => DeliveryStatus::Failed,
            DeliveryProgress::RetryScheduled { .. } => DeliveryStatus::RetryScheduled,
            DeliveryProgress::Returned { .. } => DeliveryStatus::Returned,
        }
    }

    /// Returns the courier who has it, or who delivered it.
    pub fn courier(&self) -> Option<StaffId> {
        match self.progress {
            DeliveryProgress::Assigned { courier }
            | DeliveryProgress::PickedUp { courier }
            | DeliveryProgress::Delivered { courier, .. }
            | DeliveryProgress::Failed { courier, .. } => Some(courier),
            DeliveryProgress::RetryScheduled { courier } => courier,
            DeliveryProgress::Scheduled | DeliveryProgress::Returned { .. } => None,
        }
    }

    fn evolve(&mut self, event: &DeliveryEvent) {
        match event {
            // Only the first event of a stream schedules.
            DeliveryEvent::DeliveryScheduled { .. } => {}
            DeliveryEvent::DeliveryAssigned { courier, at, .. } => {
                self.assigned_at.get_or_insert(*at);
                self.progress = match self.progress {
                    DeliveryProgress::RetryScheduled { .. } => {
                        DeliveryProgress::RetryScheduled { courier: Some(*courier) }
                    }
                    DeliveryProgress::Scheduled
                    | DeliveryProgress::Assigned { .. }
                    | DeliveryProgress::PickedUp { .. }
                    | DeliveryProgress::Delivered { .. }
                    | DeliveryProgress::Failed { .. }
                    | DeliveryProgress::Returned { .. } => DeliveryProgress::Assigned { courier: *courier },
                };
            }
            DeliveryEvent::DeliveryUnassigned { .. } => {
                self.progress = match self.progress {
                    DeliveryProgress::RetryScheduled { .. } => {
                        DeliveryProgress::RetryScheduled { courier: None }
                    }
                    DeliveryProgress::Scheduled
                    | DeliveryProgress::Assigned { .. }
                    | DeliveryProgress::PickedUp { .. }
                    | DeliveryProgress::Delivered { .. }
                    | DeliveryProgress::Failed { .. }
                    | DeliveryProgress::Returned { .. } => DeliveryProgress::Scheduled,
                };
            }
            DeliveryEvent::DeliveryPickedUp { courier, at, .. } => {
                self.attempts += 1;
                self.picked_up_at = Some(*at);
                self.progress = DeliveryProgress::PickedUp { courier: *courier };
            }
            DeliveryEvent::WrongCodeGiven { tries, .. } => self.wrong_codes = *tries,
            DeliveryEvent::DeliveryCompleted { courier, proof, at, .. } => {
                self.ended_at = Some(*at);
                self.progress =
                    DeliveryProgress::Delivered { courier: *courier, proof: proof.clone(), at: *at };
            }
            DeliveryEvent::DeliveryFailed { courier, reason, at, note, .. } => {
                self.ended_at = Some(*at);
                self.failure_note.clone_from(note);
                self.progress = DeliveryProgress::Failed { courier: *courier, reason: *reason, at: *at };
            }
            DeliveryEvent::DeliveryRetryScheduled { .. } => {
                self.progress = DeliveryProgress::RetryScheduled { courier: self.courier() };
            }
            DeliveryEvent::DeliveryReturned { at, .. } => {
                self.ended_at = Some(*at);
                self.progress = DeliveryProgress::Returned { at: *at };
            }
        }
    }
}

impl Delivery {
    /// Returns the delivery, if it is scheduled.
    pub fn scheduled(&self) -> Option<&ScheduledDelivery> {
        match self {
            Self::Scheduled(delivery) => Some(delivery),
            Self::NotScheduled => None,
        }
    }

    /// Applies one event. Total: an event that cannot follow changes nothing.
    pub fn evolve(&mut self, event: &DeliveryEvent) {
        match (&mut *self, event) {
            (
                Self::NotScheduled,
                DeliveryEvent::DeliveryScheduled {
                    delivery,
                    order,
                    number,
                    pizzeria,
                    customer,
                    contact,
                    distance_m,
                    code,
                    promised_at,
                    at,
                },
            ) => {
                *self = Self::Scheduled(Box::new(ScheduledDelivery {
                    id: *delivery,
                    order: *order,
                    number: number.clone(),
                    pizzeria: pizzeria.clone(),
                    customer: *customer,
                    contact: *contact,
                    distance_m: *distance_m,
                    code: code.clone(),
                    wrong_codes: 0,
                    attempts: 0,
                    promised_at: *promised_at,
                    progress: DeliveryProgress::Scheduled,
                    scheduled_at: *at,
                    assigned_at: None,
                    picked_up_at: None,
                    ended_at: None,
                    failure_note: None,
                }));
            }
            (Self::Scheduled(delivery), event) => delivery.evolve(event),
            (
                Self::NotScheduled,
                DeliveryEvent::DeliveryAssigned { .. }
                | DeliveryEvent::DeliveryUnassigned { .. }
                | DeliveryEvent::DeliveryPickedUp { .. }
                | DeliveryEvent::WrongCodeGiven { .. }
                | DeliveryEvent::DeliveryCompleted { .. }
                | DeliveryEvent::DeliveryFailed { .. }
                | DeliveryEvent::DeliveryRetryScheduled { .. }
                | DeliveryEvent::DeliveryReturned { .. },
            ) => {}
        }
    }
}
