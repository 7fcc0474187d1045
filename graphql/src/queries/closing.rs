//! The query for a pizzeria's daily closings.

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use projections::{Model, closings};

use super::sales::at_most_a_year;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::scalars::{Date, Position};
use crate::types::closing::DailyClosing;
use crate::types::pizzeria::Pizzeria;

/// Queries for closings.
#[derive(Debug, Default)]
pub struct ClosingQuery;

#[Object]
impl ClosingQuery {
    /// The closings of a pizzeria for a range of business days, first and last included, at most a year,
    /// oldest first. A day is closed one minute after it ends, at 04:00 local time; a closing never changes.
    #[graphql(
        directive = requires::apply(Permission::ReadSales)
    )]
    async fn closings(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "The first business day.")] from: Date,
        #[graphql(desc = "The last business day.")] to: Date,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<Vec<DailyClosing>, ApiError> {
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        at_most_a_year(from, to)?;
        let services = ctx.services()?;
        services.at_least(&[Model::Closings, Model::Pizzerias], at_least_position).await?;
        Pizzeria::load(ctx, &id).await?;
        let rows = closings::range(&services.pool, &id, from.0, to.0).await?;
        Ok(rows.into_iter().map(DailyClosing).collect())
    }
}
