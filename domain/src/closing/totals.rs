//! Figures of a part of the log. They add up: no figure is an average, and no figure is ever corrected.

use serde::{Deserialize, Serialize};

use crate::money::Cents;
use crate::order::{PaymentMethod, Pricing};
use crate::vat::VatPart;

/// Payments by one method.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentTotal {
    /// The method.
    pub method: PaymentMethod,
    /// Amount that came in.
    pub captured: Cents,
    /// Amount that went back.
    pub refunded: Cents,
}

/// Figures of a day, or of all days so far: sales less cancelled and returned orders, so that an amount may
/// be negative. A VAT rate or payment method stays listed when its amounts are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// Orders that reached PLACED.
    pub placed: u64,
    /// Placed orders that were cancelled, or returned undelivered.
    pub cancelled: u64,
    /// Placements refused for want of stock.
    pub refused: u64,
    /// Total of the orders, VAT and delivery included, after changes, cancellations and returns.
    pub gross: Cents,
    /// The same by VAT rate, ascending; VAT is rounded once per order.
    pub vat: Vec<VatPart>,
    /// Money that changed hands, by method.
    pub payments: Vec<PaymentTotal>,
}

impl Totals {
    /// Returns the sum of both.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        sum.placed = sum.placed.saturating_add(other.placed);
        sum.cancelled = sum.cancelled.saturating_add(other.cancelled);
        sum.refused = sum.refused.saturating_add(other.refused);
        sum.gross = sum.gross + other.gross;
        other.vat.iter().for_each(|part| sum.add_vat(part, 1));
        other.payments.iter().for_each(|part| sum.add_payment(part.method, part.captured, part.refunded));
        sum
    }

    /// Adds an order's prices, or subtracts them if `sign` is −1.
    pub(super) fn add_pricing(&mut self, pricing: &Pricing, sign: i64) {
        self.gross = self.gross + signed(pricing.total, sign);
        pricing.vat.iter().for_each(|part| self.add_vat(part, sign));
    }

    fn add_vat(&mut self, part: &VatPart, sign: i64) {
        let at = self.vat.binary_search_by_key(&part.rate, |total| total.rate).unwrap_or_else(|at| {
            let nothing = Cents::ZERO;
            self.vat.insert(at, VatPart { rate: part.rate, net: nothing, tax: nothing, gross: nothing });
            at
        });
        let total = &mut self.vat[at];
        total.net = total.net + signed(part.net, sign);
        total.tax = total.tax + signed(part.tax, sign);
        total.gross = total.gross + signed(part.gross, sign);
    }

    /// Adds money captured or refunded by a method.
    pub(super) fn add_payment(&mut self, method: PaymentMethod, captured: Cents, refunded: Cents) {
        let at = self.payments.binary_search_by_key(&method, |total| total.method).unwrap_or_else(|at| {
            self.payments.insert(at, PaymentTotal { method, captured: Cents::ZERO, refunded: Cents::ZERO });
            at
        });
        let total = &mut self.payments[at];
        total.captured = total.captured + captured;
        total.refunded = total.refunded + refunded;
    }
}

fn signed(amount: Cents, sign: i64) -> Cents {
    if sign < 0 { -amount } else { amount }
}
