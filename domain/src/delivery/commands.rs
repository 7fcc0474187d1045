//! Commands to one delivery. Time comes with them; nothing here decides.

use chrono::{DateTime, Utc};

use super::events::DeliveryFailure;
use crate::ids::{ContactId, CustomerId, DeliveryId, OrderId, PizzeriaId, StaffId};

/// Proof of delivery that a courier gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofGiven {
    /// The customer's four digits, not yet compared.
    Code {
        /// What the courier was told.
        given: String,
        /// The codes that the server's keys derive for the order; a code that the log stores takes their place.
        derived: Vec<String>,
    },
    /// Row of personal data that holds a name.
    ReceivedBy(ContactId),
    /// Row of personal data that holds the reference of a photograph.
    Photo(ContactId),
}

/// Command to one delivery. `by` is the courier who acts; `None` is a manager, who may act for any courier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryCommand {
    /// Schedule the delivery of a ready order.
    Schedule {
        /// The delivery.
        delivery: DeliveryId,
        /// The order.
        order: OrderId,
        /// The order's number.
        number: String,
        /// The pizzeria that delivers.
        pizzeria: PizzeriaId,
        /// The customer, if they have an account.
        customer: Option<CustomerId>,
        /// The row of personal data.
        contact: Option<ContactId>,
        /// Distance to the customer, in metres.
        distance_m: Option<u32>,
        /// The customer's four digits.
        code: Option<String>,
        /// Promised time.
        promised_at: DateTime<Utc>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Assign the delivery to a courier.
    Assign {
        /// The courier who will carry it.
        courier: StaffId,
        /// Whether the courier claimed it.
        claimed: bool,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Give the delivery back before leaving.
    Unassign {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Leave with the delivery.
    PickUp {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// The customer has it.
    Complete {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Proof that the customer has it.
        proof: ProofGiven,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// It could not be delivered.
    Fail {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Reason.
        reason: DeliveryFailure,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Try it again.
    Retry {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Bring it back for good.
    Return {
        /// The courier who acts; `None` for a manager.
        by: Option<StaffId>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
