//! A pizzeria's daily sales.

use async_graphql::{Context, Object, SimpleObject};
use domain::Cents;
use projections::daily_sales::Row;

use super::enums::PaymentMethod;
use super::order_parts::VatPart;
use super::pizzeria::Pizzeria;
use crate::as_of::{self, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::scalars::{self, Date, Money};

/// A pizzeria's business day, and the point in the past that the figures are of.
#[derive(Debug, Clone)]
pub struct SalesDay(pub Row, pub Option<PointInTime>);

/// The amount paid by one method, less refunds.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct PaidByMethod {
    /// The method of payment.
    pub method: PaymentMethod,
    /// The amount; negative when refunds exceed payments.
    pub amount: Money,
}

/// A pizzeria's business day: the local day from 04:00 to 04:00.
#[Object(directive = open::apply())]
impl SalesDay {
    /// The pizzeria.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Option<Pizzeria>, ApiError> {
        match self.1 {
            Some(point) => Pizzeria::load_as_of(ctx, &self.0.pizzeria, Some(point)).await.map(Some),
            None => Ok(ctx.loaders()?.load_one(self.0.pizzeria.clone()).await?.map(Into::into)),
        }
    }

    /// The local date on which the business day began.
    async fn date(&self) -> Date {
        Date(self.0.day)
    }

    /// The figures include the log at least up to this position.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.0.position)
    }

    /// The log position given by `asOf`; `null` for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.1)
    }

    /// Number of orders accepted on the day and not cancelled, expired or returned since.
    async fn orders(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.orders)
    }

    /// The total of those orders, VAT and delivery included.
    async fn gross(&self) -> Money {
        self.0.figures.gross.into()
    }

    /// The same amount by VAT rate, in ascending order.
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

    /// Payments received on the day less refunds made on it, by method, whatever the day of the orders.
    async fn paid(&self) -> Vec<PaidByMethod> {
        let paid = self.0.figures.paid.iter();
        paid.map(|(method, amount)| PaidByMethod { method: (*method).into(), amount: (*amount).into() })
            .collect()
    }

    /// The sum of `paid`.
    async fn paid_total(&self) -> Money {
        self.0.figures.paid.values().copied().sum::<Cents>().into()
    }

    /// Number of placements refused on the day because of insufficient stock.
    async fn refused(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.refused)
    }

    /// Number of those orders that reached the customer after the latest promised time.
    async fn late(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.late)
    }

    /// Number of orders accepted on the day and cancelled or expired since.
    async fn cancelled(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.cancelled)
    }

    /// Number of orders accepted on the day that came back undelivered.
    async fn returned(&self) -> Result<i32, ApiError> {
        scalars::int(self.0.figures.returned)
    }
}
