//! What can be asked of one delivery.

use chrono::{DateTime, Utc};

use super::events::DeliveryFailure;
use crate::ids::{ContactId, CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};

/// The proof that a courier gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofGiven {
    /// The customer's four digits, to be compared.
    Code(String),
    /// A name was noted in this row of personal data.
    ReceivedBy(ContactId),
    /// A photograph's reference was noted in this row.
    Photo(ContactId),
}

/// A command to one delivery. `by` is the courier who acts, or none for a manager, who may act for any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryCommand {
    /// An order became ready for delivery.
    Schedule {
        /// The delivery.
        delivery: DeliveryId,
        /// Its order.
        order: OrderId,
        /// The order's number.
        number: String,
        /// Where from.
        pizzeria: PizzeriaId,
        /// Whose order.
        customer: Option<CustomerId>,
        /// The row of personal data.
        contact: Option<ContactId>,
        /// To the door, in metres.
        distance_m: Option<u32>,
        /// The customer's four digits.
        code: Option<String>,
        /// When it was promised for.
        promised_at: DateTime<Utc>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// A courier takes it, or is given it.
    Assign {
        /// Who will carry it.
        courier: StaffId,
        /// Whether the courier asked.
        claimed: bool,
        /// Now.
        now: DateTime<Utc>,
    },
    /// The courier gives it back before leaving.
    Unassign {
        /// Who acts.
        by: Option<StaffId>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// The courier leaves with it.
    PickUp {
        /// Who acts.
        by: Option<StaffId>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// The customer has it.
    Complete {
        /// Who acts.
        by: Option<StaffId>,
        /// How that is known.
        proof: ProofGiven,
        /// Now.
        now: DateTime<Utc>,
    },
    /// It could not be delivered.
    Fail {
        /// Who acts.
        by: Option<StaffId>,
        /// Why.
        reason: DeliveryFailure,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Try it again.
    Retry {
        /// Who acts.
        by: Option<StaffId>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Bring it back for good.
    Return {
        /// Who acts.
        by: Option<StaffId>,
        /// Now.
        now: DateTime<Utc>,
    },
}
