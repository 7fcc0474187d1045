//! Refusals of every aggregate as one type, each with the code under which the API shows it. A refusal is a
//! value that the caller is told, never a fault.

mod codes;

use serde::{Deserialize, Serialize};

use crate::account::AccountError;
use crate::closing::ClosingError;
use crate::customer::CustomerError;
use crate::delivery::{DeliveryError, MAX_CODE_TRIES};
use crate::event::{Event, RecordedRefusal};
use crate::menu::MenuError;
use crate::order::OrderError;
use crate::pizzeria::PizzeriaError;
use crate::staff::StaffError;
use crate::stock::StockError;

pub use codes::RefusalCode;

/// Refusal by the domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Refusal {
    /// Refusal by an order.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Refusal by a stock.
    #[error(transparent)]
    Stock(#[from] StockError),
    /// Refusal by a delivery.
    #[error(transparent)]
    Delivery(#[from] DeliveryError),
    /// Refusal by a member of staff.
    #[error(transparent)]
    Staff(#[from] StaffError),
    /// Refusal by a customer's account.
    #[error(transparent)]
    Customer(#[from] CustomerError),
    /// Refusal about an account's personal data.
    #[error(transparent)]
    Account(#[from] AccountError),
    /// Refusal by a pizzeria.
    #[error(transparent)]
    Pizzeria(#[from] PizzeriaError),
    /// Refusal by the menu.
    #[error(transparent)]
    Menu(#[from] MenuError),
    /// Refusal by a pizzeria's closings.
    #[error(transparent)]
    Closing(#[from] ClosingError),
    /// The entity has changed since the caller read it.
    #[error("the version is {actual}, not {expected}")]
    StaleVersion {
        /// The expected version.
        expected: i64,
        /// The actual version.
        actual: i64,
    },
    /// The idempotency key was used with another input.
    #[error("the idempotency key was used with another input")]
    IdempotencyKeyReused,
    /// Several refusals, in the order of the checks; see [`Refusal::all`].
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Several(Vec<Refusal>),
}

impl Refusal {
    /// Combines refusals into one; `None` if there are none.
    pub fn all(mut refusals: Vec<Self>) -> Option<Self> {
        match refusals.len() {
            0 | 1 => refusals.pop(),
            _ => Some(Self::Several(refusals)),
        }
    }

    /// Returns the combined refusals, or itself.
    pub fn each(&self) -> &[Self] {
        match self {
            Self::Several(refusals) => refusals,
            one => std::slice::from_ref(one),
        }
    }

    /// Returns the refusal that an event records, which the caller is told besides.
    pub(super) fn recorded_by(event: &Event) -> Option<Self> {
        Some(match event.facts().refusal? {
            RecordedRefusal::OutOfStock(missing) => {
                OrderError::InsufficientStock { missing: missing.to_vec() }.into()
            }
            RecordedRefusal::PaymentDeclined(reason) => {
                OrderError::PaymentDeclined { reason: reason.to_owned() }.into()
            }
            RecordedRefusal::WrongCode(tries) => {
                DeliveryError::BadCode { tries_left: MAX_CODE_TRIES.saturating_sub(tries) }.into()
            }
        })
    }

    /// Whether the same request may be accepted later: a temporary limit refused it, not its input. Such a
    /// refusal is not stored under the idempotency key.
    pub fn is_passing(&self) -> bool {
        let passes = |error: &OrderError| {
            matches!(
                error,
                OrderError::OnlinePaymentUnavailable
                    | OrderError::TooManyDeclines { .. }
                    | OrderError::VerificationRequired { .. }
                    | OrderError::UnpaidLimit { .. }
                    | OrderError::RefusalNotStored { .. }
            )
        };
        match self {
            Self::StaleVersion { .. } => true,
            Self::Order(error) => passes(error),
            Self::Several(refusals) => refusals.iter().all(Self::is_passing),
            Self::IdempotencyKeyReused
            | Self::Stock(_)
            | Self::Delivery(_)
            | Self::Staff(_)
            | Self::Customer(_)
            | Self::Account(_)
            | Self::Pizzeria(_)
            | Self::Menu(_)
            | Self::Closing(_) => false,
        }
    }

    /// Returns the code under which the API shows it; of several, the first one's.
    pub fn code(&self) -> RefusalCode {
        match self {
            Self::StaleVersion { .. } => RefusalCode::StaleVersion,
            Self::IdempotencyKeyReused => RefusalCode::IdempotencyKeyReused,
            Self::Several(refusals) => refusals.first().map_or(RefusalCode::InvalidInput, Self::code),
            Self::Order(error) => error.code(),
            Self::Stock(error) => error.code(),
            Self::Delivery(error) => error.code(),
            Self::Staff(error) => error.code(),
            Self::Customer(error) => error.code(),
            Self::Closing(error) => error.code(),
            Self::Account(error) => error.code(),
            Self::Pizzeria(error) => error.code(),
            Self::Menu(error) => error.code(),
        }
    }
}
