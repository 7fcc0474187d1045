//! The query for a pizzeria's stock.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use projections::{Model, as_of, stock_levels};

use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::scalars::Position;
use crate::types::pizzeria::Pizzeria;
use crate::types::stock::Stock;

/// Queries for stocks.
#[derive(Debug, Default)]
pub struct StockQuery;

/// Loads a pizzeria's stock, if the caller may see it; `None` if no event of it was ever recorded.
pub(super) async fn visible_stock(
    ctx: &Context<'_>,
    id: &PizzeriaId,
    point: Option<PointInTime>,
) -> Result<Option<Stock>, ApiError> {
    ctx.caller()?.authorize(Permission::ReadStock, Scope::Pizzeria(id))?;
    let pool = &ctx.services()?.pool;
    if let Some(point) = point {
        let folded = as_of::stock(pool, id, point.position).await?;
        return Ok(folded.map(|folded| Stock {
            pizzeria: id.clone(),
            stock: Arc::new(folded.state),
            version: folded.version,
            position: domain::LogPosition(folded.position),
            as_of: Some(point),
        }));
    }
    let rows = stock_levels::by_pizzerias(pool, std::slice::from_ref(id)).await?;
    Ok(rows.into_iter().next().map(|row| Stock {
        pizzeria: row.pizzeria,
        stock: Arc::new(row.stock),
        version: row.version,
        position: row.position,
        as_of: None,
    }))
}

#[Object]
impl StockQuery {
    /// The stock of a pizzeria.
    #[graphql(
        directive = requires::apply(Permission::ReadStock)
    )]
    async fn stock(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Stock, ApiError> {
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        let models: &[Model] = match as_of {
            Some(_) => &[Model::Menus],
            None => &[Model::StockLevels, Model::Menus, Model::Pizzerias],
        };
        let point = PointInTime::of(ctx, models, as_of, at_least_position).await?;
        let pizzeria = Pizzeria::load_as_of(ctx, &id, point).await?;
        Ok(visible_stock(ctx, &id, point).await?.unwrap_or_else(|| Stock {
            pizzeria: id,
            stock: Arc::default(),
            version: 0,
            position: pizzeria.position,
            as_of: point,
        }))
    }
}
