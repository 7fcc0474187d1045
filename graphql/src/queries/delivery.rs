//! The queries for deliveries.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Role};
use domain::ids::{DeliveryId, OrderId, StaffId};
use projections::Model;
use projections::deliveries::{self, DeliverySort};
use projections::page::{NoRange, PageArgs};

use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::scalars::Position;
use crate::types::delivery::{Delivery, DeliveryConnection};
use crate::types::enums::DeliveryStatus;
use crate::types::pizzeria::pizzerias_of;

/// Queries for deliveries.
#[derive(Debug, Default)]
pub struct DeliveryQuery;

/// Filters deliveries; all given conditions must hold.
#[derive(Debug, Default, InputObject)]
pub struct DeliveryFilter {
    /// Deliveries of this pizzeria, by id or code. Defaults to the caller's own pizzeria for staff.
    pub pizzeria_id: Option<ID>,
    /// Deliveries in one of these states. With a final state or `FAILED`, `scheduledFrom` and `scheduledTo`
    /// are required, at most 31 days apart, unless a courier or an order is given.
    pub status: Option<Vec<DeliveryStatus>>,
    /// Deliveries of this courier.
    pub courier_id: Option<ID>,
    /// The delivery of this order.
    pub order_id: Option<ID>,
    /// Deliveries scheduled at or after this time.
    pub scheduled_from: Option<DateTime<Utc>>,
    /// Deliveries scheduled before this time.
    pub scheduled_to: Option<DateTime<Utc>>,
}

/// Sort order of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
pub enum DeliveryOrder {
    /// By promised time, earliest first.
    #[default]
    PromisedAtAsc,
    /// By time of scheduling, latest first.
    ScheduledAtDesc,
    /// By time of scheduling, earliest first.
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

/// Loads a delivery that the caller may see.
pub(super) async fn visible_delivery(
    ctx: &Context<'_>,
    id: DeliveryId,
    point: Option<PointInTime>,
) -> Result<Option<Delivery>, ApiError> {
    let caller = ctx.caller()?;
    caller.actor()?;
    let delivery = match point {
        Some(point) => Delivery::load_as_of(ctx, id, point).await?,
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
    /// A delivery by its id. Fails with `NOT_FOUND` if it is unknown or another customer's, so that the two
    /// cannot be told apart, and with `FORBIDDEN` for staff of another pizzeria.
    #[graphql(directive = requires::apply(Permission::ReadDelivery))]
    async fn delivery(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The delivery's id.")] id: ID,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Option<Delivery>, ApiError> {
        ctx.caller()?.actor()?;
        let models = [Model::Deliveries, Model::OrderDetails];
        // A past delivery is folded from the log alone, without the read models.
        let point = PointInTime::of(ctx, as_of.map_or(&models, |_| &[]), as_of, at_least_position).await?;
        let id = DeliveryId::parse(&id).ok_or(ApiError::NotFound("delivery"))?;
        Ok(Some(visible_delivery(ctx, id, point).await?.ok_or(ApiError::NotFound("delivery"))?))
    }

    /// Deliveries: of one pizzeria for its staff, of all pizzerias for staff of the whole group. A courier
    /// sees deliveries that wait for a courier and their own.
    #[graphql(
        directive = requires::apply(Permission::ListDeliveries)
    )]
    #[allow(clippy::too_many_arguments)] // the arguments of a connection
    async fn deliveries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only items that match.")] filter: Option<DeliveryFilter>,
        #[graphql(desc = "The sort order; by promised time, earliest first, by default.")] order_by: Option<
            DeliveryOrder,
        >,
        #[graphql(desc = "Returns the first `n` items (1–100).")] first: Option<i32>,
        #[graphql(desc = "Returns the items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last `n` items (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<DeliveryConnection, ApiError> {
        let actor = ctx.caller()?.actor()?;
        let asked = filter.unwrap_or_default();
        let pizzerias = pizzerias_of(ctx, asked.pizzeria_id.as_ref())?;
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
                "filter.status, orderBy: for ended deliveries, and for all pizzerias by time of scheduling, \
                 filter.scheduledFrom and filter.scheduledTo, at most 31 days apart, or a courier or an order are required",
            )
        })?;
        let services = ctx.services()?;
        let models = [Model::Deliveries, Model::OrderDetails];
        let point = PointInTime::of(ctx, &models, as_of, at_least_position).await?;
        Ok(match point {
            Some(point) => {
                let past = services.read_models.past();
                let page = past.deliveries(&filter, sort, &args, point.position).await?;
                DeliveryConnection::as_of(page, point)
            }
            None => deliveries::page(&services.pool, &filter, sort, &args).await?.into(),
        })
    }
}
