//! Mutation that releases unpaid orders. The domain decides which of them are released.

use async_graphql::{Context, ID, InputObject, Object, SimpleObject};
use domain::access::Permission;
use domain::ids::{OrderId, PizzeriaId};
use domain::usecase::ReleaseUnpaidOrders;
use domain::{AggregateState, LogPosition, StreamId};

use super::allowed::allowed_pizzeria;
use super::run::{command_context, execute_in, input_errors, seen};
use crate::context::{ApiContext, Services};
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::ids::GlobalId;
use crate::scalars;
use crate::types::order::Order;
use crate::types::user_error::UserError;

/// Upper bound on the orders of one command.
const ORDERS_MAX: usize = 50;

/// The unpaid orders to release.
#[derive(Debug, InputObject)]
pub struct ReleaseUnpaidOrdersInput {
    /// The pizzeria's id or code.
    pub pizzeria_id: ID,
    /// The orders, 1 to 50: `orders` with the filter `unpaidForMinutes` lists them.
    pub order_ids: Vec<ID>,
    /// Idempotency key (1–255 characters): a repeated key with the same input returns the same result, for 72 hours by default (24 at least).
    pub idempotency_key: Option<String>,
}

/// The result of releasing unpaid orders.
#[derive(Debug, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct ReleaseUnpaidOrdersPayload {
    /// The given orders of the pizzeria after the command: released orders are `CANCELLED`; orders that were
    /// paid or started before are unchanged.
    pub orders: Vec<Order>,
    /// Log position of the last event; `null` when no order was released.
    pub position: Option<scalars::Position>,
    /// Why the command was refused, all reasons at once; empty when it was accepted.
    pub user_errors: Vec<UserError>,
}

/// Mutations of unpaid orders.
#[derive(Debug, Default)]
pub struct UnpaidMutation;

/// Mutations of unpaid orders.
#[Object]
impl UnpaidMutation {
    /// Cancels orders that are neither paid nor started and releases their ingredients, all at once. Partial
    /// online payments are refunded; orders with payments recorded by staff are left unchanged.
    #[graphql(directive = requires::apply(Permission::ReleaseUnpaidOrders))]
    async fn release_unpaid_orders(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The command's input.")] input: ReleaseUnpaidOrdersInput,
    ) -> Result<ReleaseUnpaidOrdersPayload, ApiError> {
        let pizzeria = allowed_pizzeria(ctx, &input.pizzeria_id)?;
        if !(1..=ORDERS_MAX).contains(&input.order_ids.len()) {
            return Err(ApiError::bad_input(format!("input.orderIds: must have 1 to {ORDERS_MAX} orders")));
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

/// Loads the given orders of a pizzeria after a command.
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
