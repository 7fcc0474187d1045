//! Conditions of placing or changing an order: limits on unpaid orders, and facts that no stream holds. Never
//! looks at the menu or the stock's levels.

use super::States;
use crate::ids::{HolderId, OrderId, PizzeriaId};
use crate::order::OrderError;
use crate::pizzeria::{UnpaidLimit, UnpaidLimits};
use crate::policies::promise::KitchenLoad;
use crate::stream::StreamId;

/// Which of a pizzeria's limits on unpaid orders applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Bound {
    /// No limit: a manager or the system vouches for the order.
    #[default]
    Vouched,
    /// The limit of a caller without an account.
    Caller,
    /// The limit of an account whose e-mail address is verified.
    Account,
    /// The limit of an account whose e-mail address is not verified.
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

/// Conditions of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conditions {
    /// Whether a payment provider is configured.
    pub online_payment: bool,
    /// Holders of the reservation: an account, or a caller's telephone number and address.
    pub holders: Vec<HolderId>,
    /// The limit that applies to the holders.
    pub bound: Bound,
    /// Work ahead of the order.
    pub load: KitchenLoad,
    /// Whether a refusal for want of stock is stored; not so after many within an hour.
    pub stores_refusal: bool,
}

impl Default for Conditions {
    /// No limit, and no work ahead.
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

/// Unpaid goods that an order would make its holders hold at a pizzeria.
///
/// The pizzeria's stock knows the holders of its reservations. Every placement writes the stock's stream, so
/// that concurrent placements are decided one after the other and each counts the previous one.
pub(super) struct Claim<'a> {
    pub pizzeria: &'a PizzeriaId,
    pub holders: &'a [HolderId],
    pub bound: Bound,
    /// The order, which is not counted twice.
    pub order: OrderId,
    /// Pieces of the order.
    pub pieces: u32,
}

impl Claim<'_> {
    fn limit(&self, states: &States<'_>) -> Option<UnpaidLimit> {
        let limits = &states.pizzeria(self.pizzeria).opened()?.unpaid;
        self.bound.of(limits).filter(|limit| *limit != UnpaidLimit::NONE && !self.holders.is_empty())
    }

    /// Returns the other open orders of the holders, with their pieces.
    fn open<'a>(&'a self, states: &'a States<'_>) -> impl Iterator<Item = (OrderId, u32)> + 'a {
        states.stock(self.pizzeria).held_by(self.holders).filter(|(order, _)| *order != self.order)
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

    /// Returns the orders to load: if the holders' open orders exceed the limit, some of them may be paid,
    /// which only their own streams say.
    pub(super) fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        match self.limit(states) {
            Some(limit) if self.exceeds(limit, self.open(states)).is_err() => {
                self.open(states).map(|(order, _)| StreamId::order(order)).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }

    /// Checks the limit.
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
