//! How much one customer may hold unpaid at a pizzeria: a bound on the stock that is reserved without payment.

use serde::{Deserialize, Serialize};

/// Most orders that a bound may allow.
const ORDERS_MAX: u32 = 10_000;
/// Most pieces that a bound may allow.
const PIECES_MAX: u32 = 100_000;

/// What an unpaid bound counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnpaidUnit {
    /// Orders that are not paid and not started.
    Orders,
    /// The pieces of those orders, pizzas and others.
    Pieces,
}

impl UnpaidUnit {
    /// The plural noun, `orders`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Pieces => "pieces",
        }
    }
}

/// How much may be reserved without payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnpaidLimit {
    /// Orders that are neither paid nor started, at most.
    pub orders: u32,
    /// Pieces of those orders, at most.
    pub pieces: u32,
}

impl UnpaidLimit {
    /// The highest values of both, which stand for no bound.
    pub const NONE: Self = Self { orders: ORDERS_MAX, pieces: PIECES_MAX };

    /// What there would be too much of, with the bound; `None` when both fit.
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

/// The bounds of a pizzeria.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnpaidLimits {
    /// Of an account whose e-mail address is verified.
    pub account: UnpaidLimit,
    /// Of an account whose e-mail address is not verified.
    pub unverified: UnpaidLimit,
    /// Of a caller without an account: by telephone number and by address.
    pub caller: UnpaidLimit,
}

impl Default for UnpaidLimits {
    /// Our own figures: a family's order fits without verification, an office's by telephone.
    fn default() -> Self {
        Self {
            account: UnpaidLimit { orders: 5, pieces: 40 },
            unverified: UnpaidLimit { orders: 2, pieces: 12 },
            caller: UnpaidLimit { orders: 5, pieces: 40 },
        }
    }
}

/// Bounds to be set; one that is not given stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UnpaidChanges {
    /// Of a verified account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<UnpaidLimit>,
    /// Of an account that is not verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unverified: Option<UnpaidLimit>,
    /// Of a caller without an account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caller: Option<UnpaidLimit>,
}

impl UnpaidChanges {
    /// Whether every bound stays.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether each bound may be set.
    pub(super) fn is_in_range(&self) -> bool {
        [self.account, self.unverified, self.caller].into_iter().flatten().all(UnpaidLimit::is_in_range)
    }

    /// The bounds once changed.
    pub(super) fn of(&self, limits: UnpaidLimits) -> UnpaidLimits {
        UnpaidLimits {
            account: self.account.unwrap_or(limits.account),
            unverified: self.unverified.unwrap_or(limits.unverified),
            caller: self.caller.unwrap_or(limits.caller),
        }
    }
}
