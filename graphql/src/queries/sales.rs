//! The query for a pizzeria's daily sales.

use async_graphql::{Context, ID, Object};
use chrono::TimeDelta;
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use projections::{Model, daily_sales};

use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::scalars::{Date, Position};
use crate::types::pizzeria::Pizzeria;
use crate::types::sales::SalesDay;

/// Upper bound on the days of one query: a leap year.
const RANGE_MAX: TimeDelta = TimeDelta::days(366);

/// Checks the length of a range of business days.
///
/// # Errors
/// Fails if it exceeds [`RANGE_MAX`] or ends before it begins.
pub(super) fn at_most_a_year(from: Date, to: Date) -> Result<(), ApiError> {
    if to.0 < from.0 || to.0 - from.0 > RANGE_MAX {
        return Err(ApiError::bad_input("to: must be at most 366 days after `from`, and not before it"));
    }
    Ok(())
}

/// Queries for sales.
#[derive(Debug, Default)]
pub struct SalesQuery;

#[Object]
impl SalesQuery {
    /// The daily sales of a pizzeria for a range of business days, first and last included, at most a year.
    /// Days without activity are omitted.
    #[graphql(
        directive = requires::apply(Permission::ReadSales)
    )]
    async fn sales(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "The first business day.")] from: Date,
        #[graphql(desc = "The last business day.")] to: Date,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Vec<SalesDay>, ApiError> {
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        at_most_a_year(from, to)?;
        let services = ctx.services()?;
        let models: &[Model] = match as_of {
            Some(_) => &[Model::DailySales, Model::TimeTravel],
            None => &[Model::DailySales, Model::Pizzerias],
        };
        let point = PointInTime::of(ctx, models, as_of, at_least_position).await?;
        Pizzeria::load_as_of(ctx, &id, point).await?;
        let rows = match point {
            Some(point) => services.read_models.past().sales(&id, from.0, to.0, point.position).await?,
            None => daily_sales::range(&services.pool, &[id], from.0, to.0).await?,
        };
        Ok(rows.into_iter().map(|row| SalesDay(row, point)).collect())
    }
}
