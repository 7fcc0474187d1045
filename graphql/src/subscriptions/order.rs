//! Subscription to one order.

use std::sync::Arc;

use async_graphql::{Context, ID, SimpleObject, Subscription};
use domain::access::{Permission, Scope};
use domain::ids::OrderId;
use domain::order::Order as OrderState;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::RecordedEvent;
use futures_util::Stream;
use sqlx::PgPool;

use super::fold::{At, Fold};
use super::follow::{Item, View, events_of, follow, position_of, start};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::field_guard::subscriber;
use crate::ids::GlobalId;
use crate::progress::Progress;
use crate::scalars;
use crate::types::order::Order;

/// A change of an order.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct OrderUpdate {
    /// The log position; pass it as `after` to resume.
    pub position: scalars::Position,
    /// The event type, such as `OrderReady`; `null` for the present state.
    pub event: Option<String>,
    /// The order after the event; `null` for a refused order.
    pub order: Option<Order>,
}

impl Item for OrderUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to orders.
#[derive(Debug, Default)]
pub struct OrderSubscription;

/// Subscriptions to orders.
#[Subscription]
impl OrderSubscription {
    /// Every event of an order. The first item is the present state; with `after`, the items start with the
    /// first event after that position, each exactly once.
    #[graphql(directive = requires::apply(Permission::ReadOrder))]
    async fn order_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The order's id.")] id: ID,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<OrderUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, subscriber(ctx)?);
        let id = OrderId::required(&id, "id")?;
        let stream = StreamId::order(id);
        let base = Box::pin(start(services, after)).await?;
        let (state, version) = Box::pin(services.store.load(&stream)).await?;
        let at = At { state: Arc::new(state), version };
        let scope = match &*at.state {
            AggregateState::Order(OrderState::Placed(order)) => {
                Scope::Own { customer: order.customer, pizzeria: &order.pizzeria }
            }
            AggregateState::Order(OrderState::Refused(order)) => {
                Scope::Own { customer: None, pizzeria: &order.pizzeria }
            }
            _ => return Err(ApiError::NotFound("order")),
        };
        caller.reach(scope)?;
        let mut view = OrderView { stream: stream.clone(), fold: Fold::over(services.pool.clone()) };
        let first = match after {
            Some(_) => None,
            None => {
                let position = Box::pin(position_of(&services.pool, base, &stream, &at)).await?;
                let first = update_of(&at, position, None);
                view.fold.track(stream.clone(), at);
                Some(first)
            }
        };
        let progress = Progress::of(ctx);
        let events = events_of(services, stream, base, &progress);
        Ok(follow(progress, base, events, first, view))
    }
}

fn update_of(at: &At, position: LogPosition, event: Option<&RecordedEvent>) -> OrderUpdate {
    let order = match &*at.state {
        AggregateState::Order(order) => Order::of(order, at.version, position),
        _ => None,
    };
    OrderUpdate {
        position: scalars::Position(position),
        event: event.map(|event| event.event_type.clone()),
        order,
    }
}

struct OrderView {
    stream: StreamId,
    fold: Fold<PgPool>,
}

impl View for OrderView {
    type Update = OrderUpdate;

    async fn update(&mut self, event: &Arc<RecordedEvent>) -> Result<Option<OrderUpdate>, ApiError> {
        if event.stream != self.stream {
            return Ok(None);
        }
        let step = self.fold.apply(event).await?;
        Ok(step.map(|step| update_of(&step.after, event.position, Some(event))))
    }
}
