//! Where an order shown to clients comes from: a read model, a command's result or a fold of the log.

use std::sync::Arc;

use async_graphql::Context;
use domain::access::Scope;
use domain::ids::{DeliveryId, OrderId};
use domain::order::{Fulfilment, Order as OrderState};
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;
use projections::order_details;

use super::delivery::Delivery;
use super::order::Order;
use super::order_people::OrderPeople;
use crate::as_of::PointInTime;
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::loaders::StateAt;

impl From<order_details::Row> for Order {
    fn from(row: order_details::Row) -> Self {
        Self { order: row.order, version: row.version, position: row.position, as_of: None }
    }
}

impl Order {
    /// Builds an order from a folded state; `None` if it was never accepted.
    pub fn of(state: &OrderState, version: i64, position: LogPosition) -> Option<Self> {
        Some(Self { order: Arc::new(state.placed()?.clone()), version, position, as_of: None })
    }

    /// Returns the state of a command's result; `head` is the position to show when nothing was stored.
    pub fn of_result(result: &CommandResult, head: LogPosition) -> Option<Self> {
        match &*result.state {
            AggregateState::Order(state) => Self::of(state, result.version, result.position.unwrap_or(head)),
            _ => None,
        }
    }

    /// Loads an order as it was at a point in time; `None` if it was not accepted by then.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    pub async fn load_as_of(
        ctx: &Context<'_>,
        id: OrderId,
        point: PointInTime,
    ) -> Result<Option<Self>, ApiError> {
        let key = StateAt { stream: StreamId::order(id), position: point.position };
        let Some(folded) = ctx.loaders()?.load_one(key).await? else { return Ok(None) };
        let AggregateState::Order(state) = &folded.state else { return Ok(None) };
        let order = Self::of(state, folded.version, LogPosition(folded.position));
        Ok(order.map(|order| order.as_of(point)))
    }

    /// Marks the order as being of a point in time.
    #[must_use]
    pub fn as_of(self, point: PointInTime) -> Self {
        Self { as_of: Some(point), ..self }
    }

    /// Returns the owner and the pizzeria, for [`crate::context::Caller::authorize`].
    pub fn scope(&self) -> Scope<'_> {
        Scope::Own { customer: self.order.customer, pizzeria: &self.order.pizzeria }
    }

    /// Returns access to the customer's data.
    pub(super) fn people(&self) -> OrderPeople {
        OrderPeople { order: self.order.clone(), is_past: self.as_of.is_some() }
    }

    pub(super) async fn delivery_of(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, ApiError> {
        if self.order.fulfilment != Fulfilment::Delivery {
            return Ok(None);
        }
        match self.as_of {
            Some(point) => Delivery::load_as_of(ctx, DeliveryId::of(self.order.id), point).await,
            None => Ok(ctx.loaders()?.load_one(self.order.id).await?.map(Into::into)),
        }
    }
}
