//! Events of a delivery. Stored for ever: a changed payload needs an upcaster.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::event::{Facts, NoteSlot, RecordedRefusal};
use crate::ids::{ContactId, CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};
use crate::note::{CommentSubject, NoteRef};

coded! { $ for_each_delivery_failure
    /// Reason of a failed delivery.
    pub enum DeliveryFailure {
        /// No answer at the door.
        Absent = "ABSENT",
        /// No such address.
        WrongAddress = "WRONG_ADDRESS",
        /// The customer did not want it.
        Refused = "REFUSED",
        /// The courier could not get there.
        Unreachable = "UNREACHABLE",
        /// An accident.
        Accident = "ACCIDENT",
        /// Anything else.
        Other = "OTHER",
    }
}

/// Proof that the customer has it. A name or a photograph is personal data: the event carries only the kind
/// of proof and the row outside the log that holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "SCREAMING_SNAKE_CASE", rename_all_fields = "camelCase")]
pub enum Proof {
    /// The customer's four digits were right.
    Code,
    /// A person took it and gave a name.
    ReceivedBy {
        /// Row that holds the name.
        contact: ContactId,
    },
    /// A photograph was taken.
    Photo {
        /// Row that holds its reference.
        contact: ContactId,
    },
}

/// Events of a delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all_fields = "camelCase")]
pub enum DeliveryEvent {
    /// The order is ready for a courier.
    DeliveryScheduled {
        /// The delivery.
        delivery: DeliveryId,
        /// The order.
        order: OrderId,
        /// The order's number.
        number: String,
        /// The pizzeria that delivers.
        pizzeria: PizzeriaId,
        /// The customer, if they have an account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        customer: Option<CustomerId>,
        /// The row of personal data with the address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<ContactId>,
        /// Distance to the customer, in metres.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        distance_m: Option<u32>,
        /// The customer's four digits, in events of releases that stored them.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Promised time.
        promised_at: DateTime<Utc>,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The delivery was assigned to a courier.
    DeliveryAssigned {
        /// The courier.
        courier: StaffId,
        /// Whether the courier claimed it; otherwise a manager assigned it.
        claimed: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The assignment ended.
    DeliveryUnassigned {
        /// The courier who had it.
        courier: StaffId,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The courier left with it.
    DeliveryPickedUp {
        /// The courier.
        courier: StaffId,
        /// Whether the order took the step in the same transaction; release 0.1 copied it to the order later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// A wrong code was given.
    WrongCodeGiven {
        /// Number of wrong codes so far, from 1.
        tries: u32,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// The customer has it.
    DeliveryCompleted {
        /// The courier who delivered it.
        courier: StaffId,
        /// Proof that the customer has it.
        proof: Proof,
        /// Whether the order took the step in the same transaction; release 0.1 copied it to the order later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It could not be delivered.
    DeliveryFailed {
        /// The courier who tried.
        courier: StaffId,
        /// Reason.
        reason: DeliveryFailure,
        /// Comment beside the reason: a note of purpose [`crate::note::NotePurpose::Reason`].
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<NoteRef>,
        /// Whether the order took the step in the same transaction; release 0.1 copied it to the order later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It will be tried again.
    DeliveryRetryScheduled {
        /// When it happened.
        at: DateTime<Utc>,
    },
    /// It is back at the pizzeria for good.
    DeliveryReturned {
        /// Whether the order took the step in the same transaction; release 0.1 copied it to the order later.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        joint: bool,
        /// When it happened.
        at: DateTime<Utc>,
    },
}

impl DeliveryEvent {
    /// Returns what the event tells its consumers.
    pub fn facts(&self) -> Facts<'_> {
        let none = Facts::default();
        match self {
            Self::WrongCodeGiven { tries, .. } => {
                Facts { refusal: Some(RecordedRefusal::WrongCode(*tries)), ..none }
            }
            Self::DeliveryCompleted {
                proof: Proof::ReceivedBy { contact } | Proof::Photo { contact },
                ..
            } => Facts { contact: Some(*contact), ..none },
            Self::DeliveryFailed { note, .. } => {
                Facts { comment: note.as_ref().map(|note| (CommentSubject::DeliveryFailure, note)), ..none }
            }
            Self::DeliveryCompleted { proof: Proof::Code, .. }
            | Self::DeliveryScheduled { .. }
            | Self::DeliveryAssigned { .. }
            | Self::DeliveryUnassigned { .. }
            | Self::DeliveryPickedUp { .. }
            | Self::DeliveryRetryScheduled { .. }
            | Self::DeliveryReturned { .. } => none,
        }
    }

    /// Returns the place for the notes of the event's command.
    pub(crate) fn note_slot(&mut self) -> NoteSlot<'_> {
        match self {
            Self::DeliveryFailed { note, .. } => NoteSlot::Comment(note),
            Self::DeliveryScheduled { .. }
            | Self::DeliveryAssigned { .. }
            | Self::DeliveryUnassigned { .. }
            | Self::DeliveryPickedUp { .. }
            | Self::WrongCodeGiven { .. }
            | Self::DeliveryCompleted { .. }
            | Self::DeliveryRetryScheduled { .. }
            | Self::DeliveryReturned { .. } => NoteSlot::None,
        }
    }
}
