//! The queries for orders: one, a list, the kitchen queue and the board.

use async_graphql::{Context, Enum, ID, InputObject, Object};
use chrono::{DateTime, TimeDelta, Utc};
use domain::access::{Permission, Role, Scope};
use domain::ids::{CustomerId, OrderId, PizzeriaId};
use projections::order_details::{self, OrderSort};
use projections::page::{NoRange, PageArgs, page_size};
use projections::{Model, kitchen_queue, order_board};

use crate::as_of::{AsOf, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::requires;
use crate::ids::GlobalId;
use crate::loaders::OrderOf;
use crate::scalars::Position;
use crate::types::board::OrderBoard;
use crate::types::enums::{Fulfilment, OrderChannel, OrderStatus};
use crate::types::order::{Order, OrderConnection};
use crate::types::pizzeria::{Pizzeria, pizzerias_of};

/// Upper bound on `unpaidForMinutes`.
const UNPAID_MINUTES_MAX: i64 = 100_000;

/// Queries for orders.
#[derive(Debug, Default)]
pub struct OrderQuery;

/// Filters orders; all given conditions must hold.
#[derive(Debug, Default, InputObject)]
pub struct OrderFilter {
    /// Orders of this pizzeria, by id or code. Defaults to the caller's own pizzeria for staff.
    pub pizzeria_id: Option<ID>,
    /// Orders in one of these states. With a final state or `NOT_DELIVERED`, `placedFrom` and `placedTo` are
    /// required, at most 31 days apart, unless a customer or a number is given. `REFUSED` fails with
    /// `BAD_USER_INPUT`: a refused order is not stored.
    pub status: Option<Vec<OrderStatus>>,
    /// Orders placed through this channel; requires a range of time as `status` does.
    pub channel: Option<OrderChannel>,
    /// Orders with this fulfilment; requires a range of time as `status` does.
    pub fulfilment: Option<Fulfilment>,
    /// Orders of this customer. Customers see only their own.
    pub customer_id: Option<ID>,
    /// The order with this number.
    pub number: Option<String>,
    /// Orders placed at or after this time.
    pub placed_from: Option<DateTime<Utc>>,
    /// Orders placed before this time.
    pub placed_to: Option<DateTime<Utc>>,
    /// Orders neither paid nor started for this many minutes, 0 to 100,000, as selected by
    /// `releaseUnpaidOrders`. Such an order does not expire on its own when the kitchen is late.
    pub unpaid_for_minutes: Option<i64>,
}

/// Sort order of orders.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Enum)]
pub enum OrderOrder {
    /// By time of placement, latest first.
    #[default]
    PlacedAtDesc,
    /// By time of placement, earliest first.
    PlacedAtAsc,
    /// By promised time, earliest first.
    PromisedAtAsc,
    /// By number, ascending.
    NumberAsc,
    /// By number, descending.
    NumberDesc,
}

impl From<OrderOrder> for OrderSort {
    fn from(order: OrderOrder) -> Self {
        match order {
            OrderOrder::PlacedAtDesc => Self::PlacedAtDesc,
            OrderOrder::PlacedAtAsc => Self::PlacedAtAsc,
            OrderOrder::PromisedAtAsc => Self::PromisedAtAsc,
            OrderOrder::NumberAsc => Self::NumberAsc,
            OrderOrder::NumberDesc => Self::NumberDesc,
        }
    }
}

/// Loads an order that the caller may see. A customer cannot learn whether another customer's order exists.
pub(super) async fn visible_order(
    ctx: &Context<'_>,
    id: OrderId,
    point: Option<PointInTime>,
) -> Result<Option<Order>, ApiError> {
    let caller = ctx.caller()?;
    caller.actor()?;
    let order = match point {
        Some(point) => Order::load_as_of(ctx, id, point).await?,
        None => ctx.loaders()?.load_one(OrderOf(id)).await?.map(Into::into),
    };
    let Some(order) = order else { return Ok(None) };
    match caller.authorize(Permission::ReadOrder, order.scope()) {
        Ok(()) => Ok(Some(order)),
        Err(ApiError::NotFound(_)) => Ok(None),
        Err(denied) => Err(denied),
    }
}

fn filter_of(ctx: &Context<'_>, asked: OrderFilter) -> Result<order_details::OrderFilter, ApiError> {
    let caller = ctx.caller()?;
    let actor = caller.actor()?;
    if asked.status.iter().flatten().any(|status| *status == OrderStatus::Refused) {
        let message = "filter.status: a refused order is not stored; refusals are events (`events`, \
                       type `OrderRefused`), counted in `sales.refused`";
        return Err(ApiError::bad_input(message));
    }
    let now = ctx.now()?;
    let unpaid_since = asked
        .unpaid_for_minutes
        .map(|minutes| match minutes {
            0..=UNPAID_MINUTES_MAX => Ok(now - TimeDelta::minutes(minutes)),
            _ => Err(ApiError::bad_input(format!(
                "filter.unpaidForMinutes: must be an integer from 0 to {UNPAID_MINUTES_MAX}"
            ))),
        })
        .transpose()?;
    let customer =
        asked.customer_id.as_ref().map(|id| CustomerId::required(id, "filter.customerId")).transpose()?;
    let (pizzerias, customer) = if actor.role == Role::Customer {
        let customer = customer.unwrap_or(CustomerId(actor.id));
        caller.reach(Scope::Account(customer.0))?;
        let asked = asked.pizzeria_id.as_ref();
        let pizzeria = asked.map(|id| PizzeriaId::required(id, "filter.pizzeriaId")).transpose()?;
        (pizzeria.into_iter().collect(), Some(customer))
    } else {
        (pizzerias_of(ctx, asked.pizzeria_id.as_ref())?, customer)
    };
    Ok(order_details::OrderFilter {
        pizzerias,
        statuses: asked.status.into_iter().flatten().map(Into::into).collect(),
        channel: asked.channel.map(Into::into),
        fulfilment: asked.fulfilment.map(Into::into),
        customer,
        number: asked.number,
        placed_from: asked.placed_from,
        placed_to: asked.placed_to,
        unpaid_since,
    })
}

#[Object]
impl OrderQuery {
    /// An order by its id. Fails with `NOT_FOUND` if it is unknown or another customer's, so that the two
    /// cannot be told apart, and with `FORBIDDEN` for staff of another pizzeria.
    #[graphql(directive = requires::apply(Permission::ReadOrder))]
    async fn order(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Option<Order>, ApiError> {
        ctx.caller()?.actor()?;
        let models = [Model::OrderDetails, Model::Deliveries];
        // A past order is folded from the log alone, without the read models.
        let point = PointInTime::of(ctx, as_of.map_or(&models, |_| &[]), as_of, at_least_position).await?;
        let id = OrderId::parse(&id).ok_or(ApiError::NotFound("order"))?;
        Ok(Some(visible_order(ctx, id, point).await?.ok_or(ApiError::NotFound("order"))?))
    }

    /// Orders: a customer's own, of one pizzeria for its staff, of all pizzerias for staff of the whole
    /// group.
    #[graphql(
        directive = requires::apply(Permission::ListOrders)
    )]
    #[allow(clippy::too_many_arguments)] // the arguments of a connection
    async fn orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns only items that match.")] filter: Option<OrderFilter>,
        #[graphql(desc = "The sort order; latest placement first by default.")] order_by: Option<OrderOrder>,
        #[graphql(desc = "Returns the first `n` items (1–100).")] first: Option<i32>,
        #[graphql(desc = "Returns the items after this cursor.")] after: Option<String>,
        #[graphql(desc = "Returns the last `n` items (1–100).")] last: Option<i32>,
        #[graphql(desc = "Returns the items before this cursor.")] before: Option<String>,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<OrderConnection, ApiError> {
        let filter = filter_of(ctx, filter.unwrap_or_default())?;
        let args = PageArgs::new(first, after.as_deref(), last, before.as_deref())?;
        let sort = order_by.unwrap_or_default().into();
        filter.check(sort).map_err(|NoRange| {
            ApiError::bad_input(
                "filter.status, filter.channel, filter.fulfilment: for closed orders, filter.placedFrom and \
                 filter.placedTo, at most 31 days apart, or a customer or a number are required",
            )
        })?;
        let services = ctx.services()?;
        let models = [Model::OrderDetails, Model::Deliveries];
        let point = PointInTime::of(ctx, &models, as_of, at_least_position).await?;
        Ok(match point {
            Some(point) => {
                let past = services.read_models.past();
                OrderConnection::as_of(past.orders(&filter, sort, &args, point.position).await?, point)
            }
            None => order_details::page(&services.pool, &filter, sort, &args).await?.into(),
        })
    }

    /// The orders placed or in preparation in a pizzeria's kitchen, oldest first.
    #[graphql(
        directive = requires::apply(Permission::ReadKitchen)
    )]
    async fn kitchen_queue(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Returns the oldest `n` orders (1–100).", default = 100)] first: i32,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
        #[graphql(desc = "Returns the state at this point of the log instead of the present.")] as_of: Option<
            AsOf,
        >,
    ) -> Result<Vec<Order>, ApiError> {
        let first = i64::from(page_size(first)?);
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        let services = ctx.services()?;
        let models: &[Model] = match as_of {
            Some(_) => &[Model::KitchenQueue, Model::OrderDetails],
            None => &[Model::KitchenQueue, Model::Pizzerias],
        };
        let point = PointInTime::of(ctx, models, as_of, at_least_position).await?;
        Pizzeria::load_as_of(ctx, &id, point).await?;
        Ok(match point {
            Some(point) => {
                let past = services.read_models.past();
                let queue = past.kitchen_queue(&id, Some(first), point.position).await?;
                queue.into_iter().map(|row| Order::from(row).as_of(point)).collect()
            }
            None => {
                let queue = kitchen_queue::queue(&services.pool, &id, Some(first)).await?;
                queue.into_iter().map(Order::from).collect()
            }
        })
    }

    /// The open orders of a pizzeria in short form, with their number by status.
    #[graphql(
        directive = requires::apply(Permission::ReadBoard)
    )]
    async fn order_board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Returns the oldest `n` orders (1–100).", default = 100)] first: i32,
        #[graphql(desc = "Waits up to five seconds until the read model includes this position.")]
        at_least_position: Option<Position>,
    ) -> Result<OrderBoard, ApiError> {
        let first = i64::from(page_size(first)?);
        let id = PizzeriaId::parse(&pizzeria_id).ok_or(ApiError::NotFound("pizzeria"))?;
        ctx.caller()?.reach(Scope::Pizzeria(&id))?;
        let services = ctx.services()?;
        services.at_least(&[Model::OrderBoard, Model::Pizzerias], at_least_position).await?;
        Pizzeria::load(ctx, &id).await?;
        let orders = order_board::board(&services.pool, Some(&id), Some(first)).await?;
        Ok(OrderBoard::of(orders, &id, order_board::counts(&services.pool).await?))
    }
}
