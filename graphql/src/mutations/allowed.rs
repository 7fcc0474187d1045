//! Looks up the entity of a mutation, whose field has checked the caller's permission, and checks its owner and
//! its pizzeria.

use std::sync::Arc;

use async_graphql::{Context, ID};
use domain::access::{Permission, Scope};
use domain::delivery::{Delivery, ScheduledDelivery};
use domain::ids::{CustomerId, DeliveryId, OrderId, PizzeriaId};
use domain::order::Order;
use domain::{AggregateState, StreamId};

use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::ids::GlobalId;

/// An order that the caller may change.
#[derive(Debug)]
pub(super) struct AllowedOrder {
    pub id: OrderId,
    pub state: Arc<AggregateState>,
    pub version: i64,
}

impl AllowedOrder {
    /// Returns the order's pizzeria; `None` for an unknown order.
    pub fn pizzeria(&self) -> Option<&PizzeriaId> {
        match scope_of_order(&self.state)? {
            Scope::Own { pizzeria, .. } | Scope::Pizzeria(pizzeria) => Some(pizzeria),
            Scope::Group | Scope::Account(_) => None,
        }
    }

    /// Returns the order's customer, if the customer has an account.
    pub fn customer(&self) -> Option<CustomerId> {
        match &*self.state {
            AggregateState::Order(order) => order.placed().and_then(|placed| placed.customer),
            AggregateState::Stock(_)
            | AggregateState::Delivery(_)
            | AggregateState::Pizzeria(_)
            | AggregateState::Menu(_)
            | AggregateState::Staff(_)
            | AggregateState::Customer(_)
            | AggregateState::Closing(_) => None,
        }
    }

    /// Returns whether the caller also has another permission on the order.
    pub fn also(&self, caller: &Caller, permission: Permission) -> bool {
        scope_of_order(&self.state).is_some_and(|scope| caller.may(permission, scope))
    }
}

fn scope_of_order(state: &AggregateState) -> Option<Scope<'_>> {
    match state {
        AggregateState::Order(Order::Refused(refused)) => {
            Some(Scope::Own { customer: None, pizzeria: &refused.pizzeria })
        }
        AggregateState::Order(Order::Placed(order)) => {
            Some(Scope::Own { customer: order.customer, pizzeria: &order.pizzeria })
        }
        _ => None,
    }
}

/// The required freshness of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// The state in this process's memory: enough for the owner, which never changes.
    AsKnown,
    /// The state in the database.
    AsStored,
}

async fn state_of(
    services: &Services,
    stream: &StreamId,
    consistency: Consistency,
) -> Result<(Arc<AggregateState>, i64), ApiError> {
    let store = &services.store;
    match consistency {
        Consistency::AsKnown => Ok(store.recall(stream).await?),
        Consistency::AsStored => {
            let (state, version) = store.load(stream).await?;
            Ok((Arc::new(state), version))
        }
    }
}

/// Looks up an order and authorizes the caller.
///
/// # Errors
/// `BAD_USER_INPUT` for a malformed id; `NOT_FOUND` for an unknown order and for another customer's;
/// `FORBIDDEN` for an order of another pizzeria.
pub(super) async fn allowed_order(
    ctx: &Context<'_>,
    id: &ID,
    consistency: Consistency,
) -> Result<AllowedOrder, ApiError> {
    order_allowed_to(ctx.services()?, ctx.caller()?, id, consistency).await
}

/// Works as [`allowed_order`] for tasks that may outlive the request.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn order_allowed_to(
    services: &Services,
    caller: &Caller,
    id: &ID,
    consistency: Consistency,
) -> Result<AllowedOrder, ApiError> {
    let id = OrderId::required(id, "input.orderId")?;
    let (state, version) = state_of(services, &StreamId::order(id), consistency).await?;
    caller.reach(scope_of_order(&state).ok_or(ApiError::NotFound("order"))?)?;
    Ok(AllowedOrder { id, state, version })
}

/// Looks up a delivery and authorizes the caller.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn allowed_delivery(
    ctx: &Context<'_>,
    id: &ID,
    consistency: Consistency,
) -> Result<(ScheduledDelivery, i64), ApiError> {
    let caller = ctx.caller()?;
    let id = DeliveryId::required(id, "input.deliveryId")?;
    let (state, version) = state_of(ctx.services()?, &StreamId::delivery(id), consistency).await?;
    let AggregateState::Delivery(Delivery::Scheduled(delivery)) = &*state else {
        return Err(ApiError::NotFound("delivery"));
    };
    let scope = Scope::Own { customer: delivery.customer, pizzeria: &delivery.pizzeria };
    caller.reach(scope)?;
    Ok(((**delivery).clone(), version))
}

/// Authorizes the caller for a pizzeria; the domain checks that it exists.
///
/// # Errors
/// `BAD_USER_INPUT` for a malformed id; `FORBIDDEN` for another pizzeria.
pub(super) fn allowed_pizzeria(ctx: &Context<'_>, id: &ID) -> Result<PizzeriaId, ApiError> {
    let caller = ctx.caller()?;
    let pizzeria = PizzeriaId::required(id, "input.pizzeriaId")?;
    caller.reach(Scope::Pizzeria(&pizzeria))?;
    Ok(pizzeria)
}
