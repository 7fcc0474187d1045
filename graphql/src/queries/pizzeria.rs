//! The points of sale. Public.

use async_graphql::{Context, ID, Object};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use projections::{Model, pizzerias};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::scalars::Position;
use crate::types::pizzeria::Pizzeria;

/// Queries over pizzerias.
#[derive(Debug, Default)]
pub struct PizzeriaQuery;

#[Object]
impl PizzeriaQuery {
    /// Every pizzeria, by code. For anybody, no account needed.
    async fn pizzerias(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
    ) -> Result<Vec<Pizzeria>, ApiError> {
        ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
        let services = ctx.services()?;
        services.at_least(&[Model::Pizzerias], at_least_position).await?;
        Ok(pizzerias::all(&services.pool).await?.into_iter().map(Pizzeria::from).collect())
    }

    /// A pizzeria; `NOT_FOUND` when there is no such. For anybody, no account needed.
    async fn pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id or its code.")] id: ID,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
    ) -> Result<Option<Pizzeria>, ApiError> {
        ctx.caller()?.authorize(Permission::ReadMenu, Scope::Group)?;
        ctx.services()?.at_least(&[Model::Pizzerias], at_least_position).await?;
        let id = PizzeriaId::parse(&id).ok_or(ApiError::NotFound("pizzeria"))?;
        Ok(Some(Pizzeria::load(ctx, &id).await?))
    }
}
