//! The queries for pizzerias, open to every caller.

use async_graphql::{Context, ID, Object};
use domain::ids::PizzeriaId;
use projections::{Model, pizzerias};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::open;
use crate::ids::GlobalId;
use crate::scalars::Position;
use crate::types::pizzeria::Pizzeria;

/// Queries for pizzerias.
#[derive(Debug, Default)]
pub struct PizzeriaQuery;

#[Object]
impl PizzeriaQuery {
    /// All pizzerias, ordered by code. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn pizzerias(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<Vec<Pizzeria>, ApiError> {
        let services = ctx.services()?;
        services.at_least(&[Model::Pizzerias], at_least_position).await?;
        Ok(pizzerias::all(&services.pool).await?.into_iter().map(Pizzeria::from).collect())
    }

    /// A pizzeria by its id or code. Fails with `NOT_FOUND` if it is unknown. Open to every caller.
    #[graphql(directive = open::apply())]
    async fn pizzeria(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] id: ID,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<Option<Pizzeria>, ApiError> {
        ctx.services()?.at_least(&[Model::Pizzerias], at_least_position).await?;
        let id = PizzeriaId::parse(&id).ok_or(ApiError::NotFound("pizzeria"))?;
        Ok(Some(Pizzeria::load(ctx, &id).await?))
    }
}
