//! The query for why a pizza was unavailable at a point in time.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::{ItemCode, PizzeriaId};
use event_store::log;
use projections::{Model, as_of, menus, why};

use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::scalars::Position;
use crate::types::enums::PizzaSize;
use crate::types::pizzeria::Pizzeria;
use crate::types::why::{UnavailableReason, WhyUnavailable};

/// Queries for causes.
#[derive(Debug, Default)]
pub struct WhyQuery;

/// Resolves the position and the time: the given ones, or the present.
async fn moment(
    ctx: &Context<'_>,
    at: Option<DateTime<Utc>>,
    position: Option<Position>,
) -> Result<(domain::LogPosition, DateTime<Utc>), ApiError> {
    let pool = &ctx.services()?.pool;
    match (at, position) {
        (Some(_), Some(_)) => Err(ApiError::bad_input("at, position: at most one of them is allowed")),
        (Some(at), None) => Ok((as_of::position_at(pool, at).await?, at.min(ctx.now()?))),
        (None, None) => Ok((log::head(pool).await?, ctx.now()?)),
        (None, Some(Position(position))) => {
            let at = as_of::recorded_at(pool, position).await?;
            let at =
                at.ok_or_else(|| ApiError::bad_input("position: must be from 1 to the log's last position"))?;
            Ok((position, at))
        }
    }
}

#[Object]
impl WhyQuery {
    /// Whether a pizza was available at a point in time and, if not, why: the ingredients that were short,
    /// since when, the events that used them up, and the quantity missing. Computed from the log, with the
    /// menu of that time.
    #[graphql(
        directive = requires::apply(Permission::ReadStock)
    )]
    #[allow(clippy::too_many_arguments)] // the arguments of a question
    async fn why_unavailable(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "The pizza's id or code.")] pizza: ID,
        #[graphql(desc = "The size.")] size: PizzaSize,
        #[graphql(desc = "The time; the present by default and for a time in the future.")] at: Option<
            DateTime<Utc>,
        >,
        #[graphql(desc = "The log position of the event right after which the state is taken.")]
        position: Option<Position>,
    ) -> Result<WhyUnavailable, ApiError> {
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        let pizza = ItemCode::parse(&pizza).ok_or(ApiError::NotFound("pizza"))?;
        let services = ctx.services()?;
        services.at_least(&[Model::Menus, Model::Pizzerias], None).await?;
        let _permit = services.read_models.heavy().permit().await?;
        Pizzeria::load(ctx, &id).await?;
        let (position, at) = moment(ctx, at, position).await?;
        let row = menus::at_position(&services.pool, position).await?;
        let menu = Arc::new(row.map(|row| row.menu).unwrap_or_default());
        let explanation = why::unavailable(&services.pool, &id, &menu, &pizza, size.into(), position).await?;
        let pizzeria = why::pizzeria_at(&services.pool, &id, position).await?;
        let pause = pizzeria.opened().filter(|opened| opened.is_paused(at));
        let pause = pause.and_then(|opened| opened.pause.as_ref());
        let is_open = pizzeria.opened().is_some_and(|opened| opened.hours.is_open(at, opened.timezone));
        let (short, blocked) = match &explanation {
            Some(explanation) => (!explanation.shortages.is_empty(), explanation.block.is_some()),
            None => (false, false),
        };
        let reasons = [
            (explanation.is_none(), UnavailableReason::NotOnMenu),
            (short, UnavailableReason::InsufficientStock),
            (blocked, UnavailableReason::Blocked),
            (pause.is_some(), UnavailableReason::Paused),
            (!is_open, UnavailableReason::Closed),
        ];
        let reasons = reasons.into_iter().filter_map(|(holds, reason)| holds.then_some(reason)).collect();
        let paused_reason = pause.map(|pause| pause.reason.clone());
        Ok(WhyUnavailable { position, at, pizza, size, menu, reasons, paused_reason, explanation })
    }
}
