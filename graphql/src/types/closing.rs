//! A closed business day.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::closing::{PaymentTotal, Totals};
use projections::closings::Row;

use super::enums::PaymentMethod;
use super::order_parts::VatPart;
use super::pizzeria::Pizzeria;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::scalars::{self, Date, Money, Position};

/// A pizzeria's closed business day.
#[derive(Debug, Clone)]
pub struct DailyClosing(pub Row);

/// Amounts received and refunded by one payment method.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct PaymentTotals {
    /// The method of payment.
    pub method: PaymentMethod,
    /// The amount received.
    pub captured: Money,
    /// The amount refunded.
    pub refunded: Money,
}

/// Figures of a part of the log. They can be added up: a closed day is never corrected, and a later
/// cancellation or refund counts on the day that it happens.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ClosingTotals {
    /// Number of orders finally accepted.
    pub placed: i32,
    /// Number of accepted orders that were cancelled or came back undelivered.
    pub cancelled: i32,
    /// Number of placements refused because of insufficient stock.
    pub refused: i32,
    /// Order totals, VAT and delivery included, less cancellations; may be negative.
    pub gross: Money,
    /// The same amount by VAT rate, in ascending order.
    pub vat: Vec<VatPart>,
    /// Payments and refunds by method.
    pub payments: Vec<PaymentTotals>,
}

/// The signed head of the log's Merkle tree at the time a day was closed.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ClosingHead {
    /// Number of events that the head covers, from the first.
    pub size: Position,
    /// SHA-256 of the tree's root, in base64.
    pub root_hash: String,
    /// Id of the signing key, 8 hexadecimal digits.
    pub key_id: String,
}

impl From<&PaymentTotal> for PaymentTotals {
    fn from(part: &PaymentTotal) -> Self {
        Self { method: part.method.into(), captured: part.captured.into(), refunded: part.refunded.into() }
    }
}

impl TryFrom<&Totals> for ClosingTotals {
    type Error = ApiError;

    fn try_from(totals: &Totals) -> Result<Self, ApiError> {
        let count = |number: u64| scalars::int(i64::try_from(number).unwrap_or(i64::MAX));
        Ok(Self {
            placed: count(totals.placed)?,
            cancelled: count(totals.cancelled)?,
            refused: count(totals.refused)?,
            gross: totals.gross.into(),
            vat: totals.vat.iter().map(VatPart::from).collect(),
            payments: totals.payments.iter().map(PaymentTotals::from).collect(),
        })
    }
}

/// A pizzeria's closed business day: an event of the log that never changes.
#[Object(directive = open::apply())]
impl DailyClosing {
    /// The pizzeria.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        Ok(ctx.loaders()?.load_one(self.0.closing.pizzeria.clone()).await?.map(Into::into))
    }

    /// The local date on which the business day began, at 04:00.
    async fn date(&self) -> Date {
        Date(self.0.closing.day)
    }

    /// The number of the closing within the pizzeria, from 1, without gaps.
    async fn number(&self) -> Result<i32, ApiError> {
        scalars::int(i64::from(self.0.closing.number))
    }

    /// When it was closed.
    async fn closed_at(&self) -> DateTime<Utc> {
        self.0.closed_at
    }

    /// The log position of the event that closed the day.
    async fn position(&self) -> Position {
        Position(self.0.position)
    }

    /// The position after which this day's part of the log begins: the end of the previous closing.
    async fn after(&self) -> Position {
        Position(self.0.closing.after)
    }

    /// The last position of this day's part of the log.
    async fn upto(&self) -> Position {
        Position(self.0.closing.upto)
    }

    /// Figures of this day's part of the log.
    async fn totals(&self) -> Result<ClosingTotals, ApiError> {
        (&self.0.closing.totals).try_into()
    }

    /// Figures from the beginning to the end of this day.
    async fn cumulative(&self) -> Result<ClosingTotals, ApiError> {
        (&self.0.closing.cumulative).try_into()
    }

    /// The latest signed head of the log's tree at closing time; `null` if nothing was sealed yet.
    async fn head(&self) -> Option<ClosingHead> {
        let head = self.0.closing.head.as_ref()?;
        Some(ClosingHead {
            size: Position(domain::LogPosition(head.size)),
            root_hash: head.root_hash.clone(),
            key_id: head.key_id.clone(),
        })
    }
}
