//! A pizzeria's takings of a day.

use async_graphql::{Context, Object, SimpleObject};
use domain::Cents;
use projections::daily_sales::Row;

use super::enums::PaymentMethod;
use super::order_parts::VatPart;
use super::pizzeria::Pizzeria;
use crate::as_of::{self, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::scalars::{self, Date, Money};

/// A pizzeria's business day, and the point of the past that it is of.
#[derive(Debug, Clone)]
pub struct SalesDay(pub Row, pub Option<Moment>);

/// What came in by one method, less what went back.
#[derive(Debug, SimpleObject)]
pub struct PaidByMethod {
    /// The method of payment.
    pub method: PaymentMethod,
    /// How much; negative when more went back.
    pub amount: Money,
}

/// A pizzeria's business day: the local day, cut at four in the morning.
#[Object]
impl SalesDay {
    /// The pizzeria whose takings they are.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match self.1 {
            Some(moment) => Pizzeria::load_as_of(ctx, &self.0.pizzeria, Some(moment)).await.map(Some),
            None => Ok(ctx.loaders()?.load_one(self.0.pizzeria.clone()).await?.map(Into::into)),
        }
    }

    /// The local day that it began on.
    async fn date(&self) -> Date {
        Date(self.0.day)
    }

    /// The log's position that the figures are of, at least.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.0.position)
    }

    /// The log's position that the figures are shown as of, where `asOf` was asked for; none for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.1)
    }

    /// Orders accepted on the day and not cancelled, expired or returned since.
    async fn orders(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.orders)
    }

    /// What they come to, VAT and delivery included.
    async fn gross(&self) -> Money {
        self.0.figures.gross.into()
    }

    /// The same by VAT rate, ascending.
    async fn vat(&self) -> Vec<VatPart> {
        let parts = self.0.figures.vat.iter();
        parts
            .map(|(rate, sum)| VatPart {
                rate: scalars::percent(*rate),
                net: sum.net.into(),
                tax: sum.tax.into(),
                gross: sum.gross.into(),
            })
            .collect()
    }

    /// What came in on the day less what went back, by method, of whatever day's orders.
    async fn paid(&self) -> Vec<PaidByMethod> {
        let paid = self.0.figures.paid.iter();
        paid.map(|(method, amount)| PaidByMethod { method: (*method).into(), amount: (*amount).into() })
            .collect()
    }

    /// The sum of what was paid.
    async fn paid_total(&self) -> Money {
        self.0.figures.paid.values().copied().sum::<Cents>().into()
    }

    /// Placements refused on the day for want of stock.
    async fn refused(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.refused)
    }

    /// Of the orders, those that reached the customer after the latest promise.
    async fn late(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.late)
    }

    /// Orders accepted on the day and cancelled or expired since.
    async fn cancelled(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.cancelled)
    }

    /// Orders accepted on the day that came back undelivered.
    async fn returned(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.returned)
    }
}
