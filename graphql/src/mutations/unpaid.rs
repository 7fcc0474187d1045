//! Unpaid orders whose stock is wanted back. The domain decides which of them are released.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::access::Permission;
use domain::ids::{OrderId, PizzeriaId};
use domain::usecase::ReleaseUnpaidOrders;
use domain::{AggregateState, LogPosition, StreamId};

use super::allowed::allowed_pizzeria;
use super::run::{command_context, execute_in, input_errors, seen};
use crate::context::{ApiContext, Services};
use crate::error::ApiError;
use crate::ids::GlobalId;
use crate::roles_directive::{requires, roles};
use crate::scalars;
use crate::types::order::Order;
use crate::types::user_error::UserError;

/// Orders that one command releases at most.
const ORDERS_MAX: usize = 50;

/// Unpaid orders to be released.
#[derive(Debug, InputObject)]
pub struct ReleaseUnpaidOrdersInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// The orders, 1 to 50: `orders` with the filter `unpaidForMinutes` lists them.
    pub order_ids: Vec<ID>,
    /// 1 to 255 characters: the same key with the same input answers the same, for 72 hours or as the operator has set (24 or more).
    pub idempotency_key: Option<String>,
}

/// The orders that were named.
#[derive(Debug, SimpleObject)]
pub struct ReleaseUnpaidOrdersPayload {
    /// The named orders of the pizzeria, as they are after the command: those that were released are `CANCELLED`. One
    /// that was paid or begun before is as it was.
    pub orders: Vec<Order>,
    /// The position of the last event that was stored; `null` when no order was released.
    pub position: Option<scalars::Position>,
    /// Why not, when the domain refused.
    pub user_errors: Vec<UserError>,
}

/// Unpaid orders.
#[derive(Debug, Default)]
pub struct UnpaidMutation;

/// Unpaid orders.
#[Object]
impl UnpaidMutation {
    /// Cancels orders that are neither paid nor started and releases what is reserved for them, all at once. What was
    /// paid online in part goes back; an order for which money was taken by hand stays.
    #[graphql(directive = requires::apply(roles(Permission::ReleaseUnpaidOrders)))]
    async fn release_unpaid_orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which orders of which pizzeria.")] input: ReleaseUnpaidOrdersInput,
    ) -> Result<ReleaseUnpaidOrdersPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id, Permission::ReleaseUnpaidOrders)?;
        if !(1..=ORDERS_MAX).contains(&input.order_ids.len()) {
            return Err(ApiError::bad_input(format!("input.orderIds: 1 to {ORDERS_MAX} orders")));
        }
        let ids = input.order_ids.iter().map(|id| OrderId::required(id, "input.orderIds"));
        let mut orders: Vec<OrderId> = ids.collect::<Result<_, _>>()?;
        orders.sort_unstable();
        orders.dedup();
        let command =
            ReleaseUnpaidOrders { pizzeria: pizzeria.clone(), orders: orders.clone(), now: ctx.now()? };
        let context = command_context(ctx, input.idempotency_key, None)?;
        let services = ctx.services()?;
        let result = execute_in(services, command, context).await?;
        Ok(ReleaseUnpaidOrdersPayload {
            orders: named(services, &pizzeria, &orders, seen(services, &result)).await?,
            position: result.position.map(scalars::Position),
            user_errors: input_errors(ctx, &result)?,
        })
    }
}

/// The orders of a pizzeria as they are after a command.
async fn named(
    services: &Services,
    pizzeria: &PizzeriaId,
    ids: &[OrderId],
    seen: LogPosition,
) -> Result<Vec<Order>, ApiError> {
    let mut orders = Vec::with_capacity(ids.len());
    for id in ids {
        let (state, version) = services.store.recall(&StreamId::order(*id)).await?;
        let AggregateState::Order(order) = &*state else { continue };
        orders.extend(Order::of(order, version, seen).filter(|order| order.order.pizzeria == *pizzeria));
    }
    Ok(orders)
}
