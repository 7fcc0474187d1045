//! Deliveries: one, and a list.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Role};
use domain::ids::{DeliveryId, OrderId, StaffId};
use projections::Model;
use projections::deliveries::{self, DeliverySort};
use projections::page::{NoRange, PageArgs};

use super::order::pizzerias_of;
use crate::as_of::{AsOf, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::roles_directive::{requires, roles};
use crate::scalars::Position;
use crate::types::delivery::{Delivery, DeliveryConnection};
use crate::types::enums::DeliveryStatus;

/// Queries over deliveries.
#[derive(Debug, Default)]
pub struct DeliveryQuery;

/// Which deliveries; everything that is given must hold.
#[derive(Debug, Default, InputObject)]
pub struct DeliveryFilter {
    /// Of a pizzeria; an id or a code. Staff see those of their own by default.
    pub pizzeria_id: Option<ID>,
    /// In one of these states. With one that is over, or `FAILED`, `scheduledFrom` and `scheduledTo` are needed, at most 31
    /// days apart, unless a courier or an order is given.
    pub status: Option<Vec<DeliveryStatus>>,
    /// Carried by a courier.
    pub courier_id: Option<ID>,
    /// Of an order.
    pub order_id: Option<ID>,
    /// Scheduled at this instant or later.
    pub scheduled_from: Option<DateTime<Utc>>,
    /// Scheduled before this instant.
    pub scheduled_to: Option<DateTime<Utc>>,
}

/// In which order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
pub enum DeliveryOrder {
    /// The earliest promised first.
    #[default]
    PromisedAtAsc,
    /// The latest scheduled first.
    ScheduledAtDesc,
    /// The earliest scheduled first.
    ScheduledAtAsc,
}

impl From<DeliveryOrder> for DeliverySort {
    fn from(order: DeliveryOrder) -> Self {
        match order {
            DeliveryOrder::PromisedAtAsc => Self::PromisedAtAsc,
            DeliveryOrder::ScheduledAtDesc => Self::ScheduledAtDesc,
            DeliveryOrder::ScheduledAtAsc => Self::ScheduledAtAsc,
        }
    }
}

/// A delivery that the caller may see.
pub(super) async fn visible_delivery(
    ctx: &Context<'_>,
    id: DeliveryId,
    moment: Option<Moment>,
) -> Result<Option<Delivery>, ApiError> {
    let caller = ctx.caller()?;
    caller.actor()?;
    let delivery = match moment {
        Some(moment) => Delivery::load_as_of(ctx, id, moment).await?,
        None => {
            let rows = deliveries::by_ids(&ctx.services()?.pool, &[id]).await?;
            rows.into_iter().next().map(Delivery::from)
        }
    };
    let Some(delivery) = delivery else { return Ok(None) };
    match caller.authorize(Permission::ReadDelivery, delivery.scope()) {
        Ok(()) => Ok(Some(delivery)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(denied) => Err(denied),
    }
}

#[Object]
impl DeliveryQuery {
    /// A delivery. `NOT_FOUND` when there is no such, and when it is another customer's: which of the two
    /// is not to be told apart. `FORBIDDEN` for the staff of another pizzeria.
    #[graphql(directive = requires::apply(roles(Permission::ReadDelivery)))]
    async fn delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id.")] id: ID,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "As it was then, instead of now.")] as_of: Option<AsOf>,
    ) -> Result<Option<Delivery>, ApiError> {
        ctx.caller()?.actor()?;
        let models = [Model::Deliveries, Model::OrderDetails];
        // Of one delivery, nothing but the log is read of the past.
        let moment = Moment::of(ctx, as_of.map_or(&models, |_| &[]), as_of, at_least_position).await?;
        let id = DeliveryId::parse(&id).ok_or(ApiError::NotFound("delivery"))?;
        Ok(Some(visible_delivery(ctx, id, moment).await?.ok_or(ApiError::NotFound("delivery"))?))
    }

    /// Deliveries: those of a pizzeria for its staff, all for the group's people. A courier sees those
    /// that wait for one and their own.
    #[graphql(
        directive = requires::apply(roles(Permission::ListDeliveries))
    )]
    #[allow(clippy::too_many_arguments)] // the arguments of a connection
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] filter: Option<DeliveryFilter>,
        #[graphql(desc = "In which order; the earliest promised first by default.")] order_by: Option<
            DeliveryOrder,
        >,
        #[graphql(desc = "The first so many, 1 to 100.")] first: Option<i32>,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
        #[graphql(desc = "The last so many, 1 to 100.")] last: Option<i32>,
        #[graphql(desc = "Before this cursor.")] before: Option<String>,
        #[graphql(desc = "Waits, at most five seconds, until this position is read.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "As it was then, instead of now.")] as_of: Option<AsOf>,
    ) -> Result<DeliveryConnection, ApiError> {
        let actor = ctx.caller()?.actor()?;
        let asked = filter.unwrap_or_default();
        let pizzerias = pizzerias_of(ctx, asked.pizzeria_id.as_ref(), Permission::ListDeliveries)?;
        let courier = asked.courier_id.as_ref();
        let order = asked.order_id.as_ref();
        let filter = deliveries::DeliveryFilter {
            pizzerias,
            statuses: asked.status.into_iter().flatten().map(Into::into).collect(),
            courier: courier.map(|id| StaffId::required(id, "filter.courierId")).transpose()?,
            order: order.map(|id| OrderId::required(id, "filter.orderId")).transpose()?,
            customer: None,
            scheduled_from: asked.scheduled_from,
            scheduled_to: asked.scheduled_to,
            visible_to_courier: (actor.role == Role::Courier).then_some(StaffId(actor.id)),
        };
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        let sort = order_by.unwrap_or_default().into();
        filter.check(sort).map_err(|NoRange| {
            ApiError::bad_input(
                "filter.status, orderBy: deliveries that are over, and those of all pizzerias in the order of scheduling, are \
                 looked through one by one: give filter.scheduledFrom and filter.scheduledTo, at most 31 days apart, or a \
                 courier or an order",
            )
        })?;
        let services = ctx.services()?;
        let models = [Model::Deliveries, Model::OrderDetails];
        let moment = Moment::of(ctx, &models, as_of, at_least_position).await?;
        Ok(match moment {
            Some(moment) => {
                let past = services.read_models.past();
                let page = past.deliveries(&filter, sort, &args, moment.position).await?;
                DeliveryConnection::as_of(page, moment)
            }
            None => deliveries::page(&services.pool, &filter, sort, &args).await?.into(),
        })
    }
}
