//! A business day that is closed.

use async_graphql::{Context, Object, SimpleObject};
use chrono::{DateTime, Utc};
use domain::closing::{PaymentTotal, Totals};
use projections::closings::Row;

use super::enums::PaymentMethod;
use super::order_parts::VatPart;
use super::pizzeria::Pizzeria;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::scalars::{self, Date, Money, Position};

/// A pizzeria's business day that is closed.
#[derive(Debug, Clone)]
pub struct DailyClosing(pub Row);

/// What came in and what went back by one method.
#[derive(Debug, SimpleObject)]
pub struct PaymentTotals {
    /// The method of payment.
    pub method: PaymentMethod,
    /// What came in.
    pub captured: Money,
    /// What went back.
    pub refunded: Money,
}

/// What happened in a part of the log, in figures. They add up: a closed day is never corrected, and what is taken
/// back later counts on the day that it is taken back.
#[derive(Debug, SimpleObject)]
pub struct ClosingTotals {
    /// Orders that were accepted for good.
    pub placed: i32,
    /// Orders that had been accepted and were cancelled, or came back undelivered.
    pub cancelled: i32,
    /// Placements refused for want of stock.
    pub refused: i32,
    /// What the orders come to, VAT and delivery included, less what was taken back; it may be negative.
    pub gross: Money,
    /// The same by VAT rate, ascending.
    pub vat: Vec<VatPart>,
    /// Money that changed hands, by method.
    pub payments: Vec<PaymentTotals>,
}

/// A signed head of the log's tree, as it was known when a day was closed.
#[derive(Debug, SimpleObject)]
pub struct ClosingHead {
    /// How many events it covers, from the first.
    pub size: Position,
    /// The root's SHA-256, in base64.
    pub root_hash: String,
    /// The key that signed it, 8 hexadecimal digits.
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

/// A pizzeria's business day that is closed: an event of the log, which nothing changes any more.
#[Object]
impl DailyClosing {
    /// The pizzeria whose day it is.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        Ok(ctx.loaders()?.load_one(self.0.closing.pizzeria.clone()).await?.map(Into::into))
    }

    /// The local day that it began on, at four in the morning.
    async fn date(&self) -> Date {
        Date(self.0.closing.day)
    }

    /// Counts the pizzeria's closings, from 1, without gaps.
    async fn number(&self) -> Result<i32, ApiError> {
        scalars::int(i64::from(self.0.closing.number))
    }

    /// When it was closed.
    async fn closed_at(&self) -> DateTime<Utc> {
        self.0.closed_at
    }

    /// The event that closed it.
    async fn position(&self) -> Position {
        Position(self.0.position)
    }

    /// The position that its part of the log begins after: where the closing before it ended.
    async fn after(&self) -> Position {
        Position(self.0.closing.after)
    }

    /// The last position of its part of the log.
    async fn upto(&self) -> Position {
        Position(self.0.closing.upto)
    }

    /// What happened in its part of the log.
    async fn totals(&self) -> Result<ClosingTotals, ApiError> {
        (&self.0.closing.totals).try_into()
    }

    /// What happened since the beginning, this day included.
    async fn cumulative(&self) -> Result<ClosingTotals, ApiError> {
        (&self.0.closing.cumulative).try_into()
    }

    /// The latest signed head of the log's tree then; none while nothing was sealed.
    async fn head(&self) -> Option<ClosingHead> {
        let head = self.0.closing.head.as_ref()?;
        Some(ClosingHead {
            size: Position(domain::LogPosition(head.size)),
            root_hash: head.root_hash.clone(),
            key_id: head.key_id.clone(),
        })
    }
}
