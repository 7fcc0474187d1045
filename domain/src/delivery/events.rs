//! What has happened to a delivery.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::event_names;
use crate::ids::{ContactId, CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};
use crate::note::NoteRef;

/// Why a delivery failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryFailure {
    /// Nobody opened.
    Absent,
    /// No such address.
    WrongAddress,
    /// The customer did not want it.
    Refused,
    /// The courier could not get there.
    Unreachable,
    /// An accident.
    Accident,
    /// Anything else.
    Other,
}

/// How it is known that the customer has it. A name or a photograph is personal data: the event
/// carries only which kind of proof it was, and the row outside the log that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Proof {
    /// The customer's four digits were right.
    Code,
    /// Somebody took it and gave a name.
    ReceivedBy {
        /// The row that holds the name.
        contact: ContactId,
    },
    /// A photograph was taken.
    Photo {
        /// The row that holds its reference.
        contact: ContactId,
    },
}

/// The events of a delivery's stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum DeliveryEvent {
    /// The order is ready for a courier.
    DeliveryScheduled {
        /// The delivery.
        delivery: DeliveryId,
        /// Its order.
        order: OrderId,
        /// The order's number.
        number: String,
        /// Where from.
        pizzeria: PizzeriaId,
        /// Whose order, if they have an account.
        customer: Option<CustomerId>,
        /// The row of personal data with the address.
        contact: Option<ContactId>,
        /// To the door, in metres.
        distance_m: Option<u32>,
        /// The customer's four digits.
        code: Option<String>,
        /// When it was promised for.
        promised_at: DateTime<Utc>,
        /// When.
        at: DateTime<Utc>,
    },
    /// A courier has it to carry.
    DeliveryAssigned {
        /// Who.
        courier: StaffId,
        /// Whether the courier claimed it; otherwise it was given.
        claimed: bool,
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier has it no more.
    DeliveryUnassigned {
        /// Who had it.
        courier: StaffId,
        /// When.
        at: DateTime<Utc>,
    },
    /// The courier left with it.
    DeliveryPickedUp {
        /// Who.
        courier: StaffId,
        /// When.
        at: DateTime<Utc>,
    },
    /// A wrong code was given.
    WrongCodeGiven {
        /// How many times by now, from 1.
        tries: u32,
        /// When.
        at: DateTime<Utc>,
    },
    /// The customer has it.
    DeliveryCompleted {
        /// Who brought it.
        courier: StaffId,
        /// How that is known.
        proof: Proof,
        /// When.
        at: DateTime<Utc>,
    },
    /// It could not be delivered.
    DeliveryFailed {
        /// Who tried.
        courier: StaffId,
        /// Why.
        reason: DeliveryFailure,
        /// The comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// When.
        at: DateTime<Utc>,
    },
    /// It will be tried again.
    DeliveryRetryScheduled {
        /// When.
        at: DateTime<Utc>,
    },
    /// It is back at the pizzeria for good.
    DeliveryReturned {
        /// When.
        at: DateTime<Utc>,
    },
}

event_names!(DeliveryEvent, Delivery:
    DeliveryScheduled, DeliveryAssigned, DeliveryUnassigned, DeliveryPickedUp, WrongCodeGiven,
    DeliveryCompleted, DeliveryFailed, DeliveryRetryScheduled, DeliveryReturned,
);
