//! What a mutation is about, for a caller who may touch it: the role first, then the thing, then whose it is.

use std::sync::Arc;

use async_graphql::{Context, ID};
use domain::access::{Permission, Scope, roles_of};
use domain::delivery::{Delivery, ScheduledDelivery};
use domain::ids::{CustomerId, DeliveryId, OrderId, PizzeriaId};
use domain::order::Order;
use domain::{AggregateState, StreamId};

use crate::context::{ApiContext, Caller, Services};
use crate::error::ApiError;
use crate::ids::GlobalId;

/// That the caller's role may at all: asked before anything is looked up.
fn of_a_role(caller: &Caller, permission: Permission) -> Result<(), ApiError> {
    let actor = caller.actor()?;
    if roles_of(permission).contains(&actor.role) { Ok(()) } else { Err(ApiError::Forbidden) }
}

/// An order that the caller was found to be allowed to touch.
#[derive(Debug)]
pub(super) struct AllowedOrder {
    pub id: OrderId,
    pub state: Arc<AggregateState>,
    pub version: i64,
}

impl AllowedOrder {
    /// Where it is made; `None` for an order that there is not.
    pub fn pizzeria(&self) -> Option<&PizzeriaId> {
        match scope_of_order(&self.state)? {
            Scope::Own { pizzeria, .. } | Scope::Pizzeria(pizzeria) => Some(pizzeria),
            Scope::Group | Scope::Account(_) => None,
        }
    }

    /// Whose order it is, if they have an account.
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

    /// Whether the caller may do something else to it, too.
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

/// How current a state must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Consistency {
    /// The state in this process's memory: enough for the owner, which never changes.
    AsKnown,
    /// The stored state.
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

/// Looks an order up, and whether the caller may.
///
/// # Errors
/// `BAD_USER_INPUT` for what is no order's id; `NOT_FOUND` for no order, and for a customer's that is
/// not theirs; `FORBIDDEN` for another pizzeria's.
pub(super) async fn allowed_order(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    consistency: Consistency,
) -> Result<AllowedOrder, ApiError> {
    order_allowed_to(ctx.services()?, ctx.caller()?, id, permission, consistency).await
}

/// As [`allowed_order`], for longer than the request may live.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn order_allowed_to(
    services: &Services,
    caller: &Caller,
    id: &ID,
    permission: Permission,
    consistency: Consistency,
) -> Result<AllowedOrder, ApiError> {
    of_a_role(caller, permission)?;
    let id = OrderId::required(id, "input.orderId")?;
    let (state, version) = state_of(services, &StreamId::order(id), consistency).await?;
    caller.authorize(permission, scope_of_order(&state).ok_or(ApiError::NotFound("order"))?)?;
    Ok(AllowedOrder { id, state, version })
}

/// Looks a delivery up, and whether the caller may.
///
/// # Errors
/// As [`allowed_order`].
pub(super) async fn allowed_delivery(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
    consistency: Consistency,
) -> Result<(ScheduledDelivery, i64), ApiError> {
    let caller = ctx.caller()?;
    of_a_role(caller, permission)?;
    let id = DeliveryId::required(id, "input.deliveryId")?;
    let (state, version) = state_of(ctx.services()?, &StreamId::delivery(id), consistency).await?;
    let AggregateState::Delivery(Delivery::Scheduled(delivery)) = &*state else {
        return Err(ApiError::NotFound("delivery"));
    };
    let scope = Scope::Own { customer: delivery.customer, pizzeria: &delivery.pizzeria };
    caller.authorize(permission, scope)?;
    Ok(((**delivery).clone(), version))
}

/// A pizzeria that the caller was found to be allowed to touch; whether it exists, the domain says.
///
/// # Errors
/// `BAD_USER_INPUT` for what is no pizzeria's id; `FORBIDDEN` for another pizzeria.
pub(super) fn allowed_pizzeria(
    ctx: &Context<'_>,
    id: &ID,
    permission: Permission,
) -> Result<PizzeriaId, ApiError> {
    let caller = ctx.caller()?;
    of_a_role(caller, permission)?;
    let pizzeria = PizzeriaId::required(id, "input.pizzeriaId")?;
    caller.authorize(permission, Scope::Pizzeria(&pizzeria))?;
    Ok(pizzeria)
}
