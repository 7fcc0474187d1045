//! Under which conditions an order is placed or changed: what is bounded, and what the edge knows that no stream says.

use super::States;
use crate::ids::{HolderId, OrderId, PizzeriaId};
use crate::order::OrderError;
use crate::pizzeria::{UnpaidLimit, UnpaidLimits};
use crate::policies::promise::KitchenLoad;
use crate::stream::StreamId;

/// Which of a pizzeria's bounds on unpaid orders applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bound {
    /// None: a manager answers for it, or the system does.
    #[default]
    Vouched,
    /// That of a caller without an account.
    Caller,
    /// That of an account whose e-mail address is verified.
    Account,
    /// That of an account whose e-mail address is not verified.
    Unverified,
}

impl Bound {
    fn of(self, limits: &UnpaidLimits) -> Option<UnpaidLimit> {
        match self {
            Self::Vouched => None,
            Self::Caller => Some(limits.caller),
            Self::Account => Some(limits.account),
            Self::Unverified => Some(limits.unverified),
        }
    }

    fn refusal(self, limit: UnpaidLimit, orders: u32, pieces: u32) -> Result<(), OrderError> {
        match (limit.exceeded(orders, pieces), self) {
            (None, _) => Ok(()),
            (Some((what, max)), Self::Unverified) => Err(OrderError::VerificationRequired { what, max }),
            (Some((what, max)), Self::Vouched | Self::Caller | Self::Account) => {
                Err(OrderError::UnpaidLimit { what, max })
            }
        }
    }
}

/// The conditions of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Whether a payment provider is configured, so that an order can be paid online.
    pub online_payment: bool,
    /// For whom it is reserved: an account, or a caller's telephone number and address.
    pub holders: Vec<HolderId>,
    /// Which bound applies to what they hold unpaid.
    pub bound: Bound,
    /// The work ahead of it.
    pub load: KitchenLoad,
    /// Whether a refusal for want of stock is stored; too many within an hour are only answered.
    pub stores_refusal: bool,
}

impl Default for Conditions {
    /// Unbounded, in a kitchen without work.
    fn default() -> Self {
        Self {
            online_payment: true,
            holders: Vec::new(),
            bound: Bound::default(),
            load: KitchenLoad::default(),
            stores_refusal: true,
        }
    }
}

/// What an order would make its holders hold unpaid at a pizzeria.
///
/// The pizzeria's stock says who holds which open reservation. Every placement writes its stream, so two of them,
/// in one process or in two, are decided one after the other, and each counts the one before.
pub(super) struct Claim<'a> {
    pub pizzeria: &'a PizzeriaId,
    pub holders: &'a [HolderId],
    pub bound: Bound,
    /// The order itself, which is not counted twice.
    pub order: OrderId,
    /// Its pieces.
    pub pieces: u32,
}

impl Claim<'_> {
    fn limit(&self, states: &States<'_>) -> Option<UnpaidLimit> {
        let limits = &states.pizzeria(self.pizzeria).opened()?.unpaid;
        self.bound.of(limits).filter(|limit| *limit != UnpaidLimit::NONE && !self.holders.is_empty())
    }

    /// The orders that the holders have open, with their pieces.
    fn open<'a>(&'a self, states: &'a States<'_>) -> impl Iterator<Item = (OrderId, u32)> + 'a {
        let held = states.stock(self.pizzeria).held_by(self.holders);
        held.filter(|(order, _)| *order != self.order)
    }

    fn exceeds(
        &self,
        limit: UnpaidLimit,
        open: impl Iterator<Item = (OrderId, u32)>,
    ) -> Result<(), OrderError> {
        let (orders, pieces) = open.fold((1_u32, self.pieces), |(orders, pieces), (_, more)| {
            (orders.saturating_add(1), pieces.saturating_add(more))
        });
        self.bound.refusal(limit, orders, pieces)
    }

    /// The orders to look at: those that the holders have open, when with this one they are above the bound.
    /// Some may be paid, which only the order says.
    pub(super) fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        match self.limit(states) {
            Some(limit) if self.exceeds(limit, self.open(states)).is_err() => {
                self.open(states).map(|(order, _)| StreamId::order(order)).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Refuses what is above the bound.
    ///
    /// # Errors
    /// [`OrderError::VerificationRequired`] or [`OrderError::UnpaidLimit`].
    pub(super) fn check(&self, states: &States<'_>) -> Result<(), OrderError> {
        let Some(limit) = self.limit(states) else { return Ok(()) };
        self.exceeds(limit, self.open(states)).or_else(|_| {
            let unpaid = |order: OrderId| states.order(order).placed().is_none_or(|order| order.due().0 > 0);
            self.exceeds(limit, self.open(states).filter(|(order, _)| unpaid(*order)))
        })
    }
}
