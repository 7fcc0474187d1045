//! Limits on one customer's unpaid orders at a pizzeria, which bound the stock reserved without payment. They
//! never look at payments; the caller counts.

use serde::{Deserialize, Serialize};

/// Highest limit on orders.
const ORDERS_MAX: u32 = 10_000;
/// Highest limit on pieces.
const PIECES_MAX: u32 = 100_000;

/// Unit that a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnpaidUnit {
    /// Orders neither paid nor started.
    Orders,
    /// Pieces of those orders: pizzas, drinks and desserts.
    Pieces,
}

impl UnpaidUnit {
    /// Returns the plural noun, such as `orders`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Pieces => "pieces",
        }
    }
}

/// Limit on what is reserved without payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpaidLimit {
    /// Maximum of orders neither paid nor started.
    pub orders: u32,
    /// Maximum of pieces of those orders.
    pub pieces: u32,
}

impl UnpaidLimit {
    /// The highest values, which mean no limit.
    pub const NONE: Self = Self { orders: ORDERS_MAX, pieces: PIECES_MAX };

    /// Returns the exceeded unit with its limit; `None` if both fit.
    pub fn exceeded(self, orders: u32, pieces: u32) -> Option<(UnpaidUnit, u32)> {
        if orders > self.orders {
            Some((UnpaidUnit::Orders, self.orders))
        } else if pieces > self.pieces {
            Some((UnpaidUnit::Pieces, self.pieces))
        } else {
            None
        }
    }

    fn is_in_range(self) -> bool {
        self.orders <= ORDERS_MAX && self.pieces <= PIECES_MAX
    }
}

/// Limits of a pizzeria.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnpaidLimits {
    /// Limit of an account whose e-mail address is verified.
    pub account: UnpaidLimit,
    /// Limit of an account whose e-mail address is not verified.
    pub unverified: UnpaidLimit,
    /// Limit of a caller without an account, by telephone number and by address.
    pub caller: UnpaidLimit,
}

impl Default for UnpaidLimits {
    /// Chosen so that a family's order fits without verification, and an office's by telephone.
    fn default() -> Self {
        Self {
            account: UnpaidLimit { orders: 5, pieces: 40 },
            unverified: UnpaidLimit { orders: 2, pieces: 12 },
            caller: UnpaidLimit { orders: 5, pieces: 40 },
        }
    }
}

/// Changes of the limits; `None` leaves a limit as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnpaidChanges {
    /// Limit of a verified account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<UnpaidLimit>,
    /// Limit of an unverified account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<UnpaidLimit>,
    /// Limit of a caller without an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<UnpaidLimit>,
}

impl UnpaidChanges {
    /// Whether no limit changes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether each limit is within its range.
    pub(super) fn is_in_range(&self) -> bool {
        [self.account, self.unverified, self.caller].into_iter().flatten().all(UnpaidLimit::is_in_range)
    }

    /// Returns the limits after the change.
    pub(super) fn of(&self, limits: UnpaidLimits) -> UnpaidLimits {
        UnpaidLimits {
            account: self.account.unwrap_or(limits.account),
            unverified: self.unverified.unwrap_or(limits.unverified),
            caller: self.caller.unwrap_or(limits.caller),
        }
    }
}
