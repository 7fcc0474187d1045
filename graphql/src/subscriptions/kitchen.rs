//! Subscription to a pizzeria's kitchen queue.

use std::sync::Arc;
use std::time::Duration;

use async_graphql::{Context, ID, SimpleObject, Subscription};
use domain::access::{Permission, Scope};
use domain::ids::PizzeriaId;
use domain::order::{Order as OrderState, OrderStatus, PlacedOrder};
use domain::{AggregateState, Cents, LogPosition, StreamId, StreamType};
use event_store::{EventStore, RecordedEvent};
use futures_util::Stream;
use projections::{Model, kitchen_queue};
use sqlx::PgPool;

use super::fold::{At, Fold};
use super::follow::{Item, View, all_events, follow, start_near};
use crate::context::{ApiContext, Services};
use crate::error::ApiError;
use crate::field_access::{open, requires};
use crate::field_guard::subscriber;
use crate::ids::GlobalId;
use crate::progress::Progress;
use crate::scalars;
use crate::types::order::Order;

/// Timeout for the read model that lists the initial orders.
const READ_MODEL_TIMEOUT: Duration = Duration::from_secs(5);

/// Upper bound on the orders of the queue in one item.
const QUEUE_ORDERS_MAX: usize = 100;

/// A change of a kitchen's queue.
#[derive(Debug, Clone, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct KitchenQueueUpdate {
    /// The log position; pass it as `after` to resume.
    pub position: scalars::Position,
    /// The event type, such as `PreparationStarted`; `null` for the present state.
    pub event: Option<String>,
    /// The orders placed or in preparation, oldest first, at most 100.
    pub queue: Vec<Order>,
    /// The changed order, which may have left the queue; `null` for the present state.
    pub order: Option<Order>,
}

impl Item for KitchenQueueUpdate {
    fn resume_after(&self) -> LogPosition {
        self.position.0
    }
}

/// Subscriptions to kitchens.
#[derive(Debug, Default)]
pub struct KitchenSubscription;

/// Subscriptions to kitchens.
#[Subscription]
impl KitchenSubscription {
    /// Every change of a kitchen's queue. The first item is the present state; with `after`, the items start
    /// with the first change after that position, each exactly once, at most 100,000 events of the log back;
    /// beyond that the subscription fails with `BAD_USER_INPUT` and the gap in `extensions`.
    #[graphql(directive = requires::apply(Permission::ReadKitchen))]
    async fn kitchen_queue_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The pizzeria's id or code.")] pizzeria_id: ID,
        #[graphql(desc = "Resumes after this position, that of the last item received.")] after: Option<
            scalars::Position,
        >,
    ) -> Result<impl Stream<Item = Result<KitchenQueueUpdate, ApiError>> + use<>, ApiError> {
        let (services, caller) = (ctx.services()?, subscriber(ctx)?);
        let pizzeria = PizzeriaId::required(&pizzeria_id, "pizzeriaId")?;
        caller.reach(Scope::Pizzeria(&pizzeria))?;
        Box::pin(super::opened(services, &pizzeria)).await?;
        let base = Box::pin(start_near(services, after)).await?;
        let fold = Box::pin(queue_at(services, &pizzeria, base)).await?;
        let view = KitchenView { pizzeria, fold, store: services.store.clone() };
        let first = after.is_none().then(|| view.update_of(base, None, None));
        Ok(follow(
            Progress::of(ctx),
            base,
            all_events(services, base, |stream| stream.kind == StreamType::Order),
            first,
            view,
        ))
    }
}

/// Rebuilds the queue at a position. The read model lists the orders; orders with later events are folded
/// from the log.
async fn queue_at(
    services: &Services,
    pizzeria: &PizzeriaId,
    base: LogPosition,
) -> Result<Fold<PgPool>, ApiError> {
    let pool = &services.pool;
    services.read_models.wait_for(&[Model::KitchenQueue], base, READ_MODEL_TIMEOUT).await?;
    let rows = kitchen_queue::queue(pool, pizzeria, None).await?;
    // Queried after the read model, so that these events cover everything it may have read later.
    let since: Vec<(String, i64)> = sqlx::query_as(
        "SELECT aggregate_id, min(sequence) FROM events \
         WHERE position > $1 AND aggregate_type = 'order' GROUP BY aggregate_id",
    )
    .bind(base.0)
    .fetch_all(pool)
    .await?;
    let mut fold = Fold::over(pool.clone());
    for row in rows {
        let stream = StreamId::order(row.order.id);
        let state = AggregateState::Order(OrderState::Placed(Box::new(Arc::unwrap_or_clone(row.order))));
        fold.track(stream, At { state: Arc::new(state), version: row.version });
    }
    for (id, first) in since {
        let stream = StreamId::new(StreamType::Order, id);
        fold.forget(&stream);
        if first > 1 {
            let at = fold.at(&stream, first - 1).await?;
            if queued(&at).is_some_and(|order| order.pizzeria == *pizzeria) {
                fold.track(stream, at);
            }
        }
    }
    Ok(fold)
}

/// Returns the order while it is in the kitchen.
fn queued(at: &At) -> Option<&PlacedOrder> {
    let AggregateState::Order(OrderState::Placed(order)) = &*at.state else { return None };
    match order.status() {
        OrderStatus::Placed | OrderStatus::InPreparation => Some(order),
        OrderStatus::Refused
        | OrderStatus::AwaitingPayment
        | OrderStatus::Ready
        | OrderStatus::OutForDelivery
        | OrderStatus::Delivered
        | OrderStatus::NotDelivered
        | OrderStatus::Returned
        | OrderStatus::HandedOver
        | OrderStatus::Cancelled
        | OrderStatus::Expired => None,
    }
}

/// Follows exactly the orders in the queue.
struct KitchenView {
    pizzeria: PizzeriaId,
    fold: Fold<PgPool>,
    store: EventStore,
}

impl KitchenView {
    fn update_of(
        &self,
        position: LogPosition,
        event: Option<&RecordedEvent>,
        order: Option<Order>,
    ) -> KitchenQueueUpdate {
        let mut queue: Vec<_> =
            self.fold.states().filter_map(|(_, at)| queued(at).map(|order| (order, at.version))).collect();
        queue.sort_by_key(|(order, _)| (order.placed_at, order.id));
        let shown = |(order, version): (&PlacedOrder, i64)| Order {
            order: Arc::new(order.clone()),
            version,
            position,
            as_of: None,
        };
        KitchenQueueUpdate {
            position: scalars::Position(position),
            event: event.map(|event| event.event_type.clone()),
            queue: queue.into_iter().take(QUEUE_ORDERS_MAX).map(shown).collect(),
            order,
        }
    }

    /// Returns whether an event of an order outside the queue may bring it in: a placement here, or a
    /// payment.
    async fn may_enter(&self, event: &RecordedEvent) -> Result<bool, ApiError> {
        let facts = || event.events.iter().map(domain::Event::facts);
        if let Some((pizzeria, refusal)) = facts().find_map(|one| Some((one.pizzeria?, one.refusal))) {
            return Ok(refusal.is_none() && *pizzeria == self.pizzeria);
        }
        if !facts().any(|one| one.money.is_some_and(|money| money.captured > Cents::ZERO)) {
            return Ok(false);
        }
        // The pizzeria never changes and preparation starts once: an outdated cached state is enough, so that
        // kitchens do not read every paid order.
        let (state, _) = Box::pin(self.store.recall(&event.stream)).await?;
        let AggregateState::Order(order) = &*state else { return Ok(false) };
        let order = order.placed();
        Ok(order.is_some_and(|order| order.pizzeria == self.pizzeria && order.started_at.is_none()))
    }
}

impl View for KitchenView {
    type Update = KitchenQueueUpdate;

    async fn update(&mut self, event: &Arc<RecordedEvent>) -> Result<Option<KitchenQueueUpdate>, ApiError> {
        if event.stream.kind != StreamType::Order
            || !(self.fold.tracks(&event.stream) || self.may_enter(event).await?)
        {
            return Ok(None);
        }
        let Some(step) = self.fold.apply(event).await? else { return Ok(None) };
        let here = |at: &At| queued(at).is_some_and(|order| order.pizzeria == self.pizzeria);
        let (was, is) = (here(&step.before), here(&step.after));
        if !is {
            self.fold.forget(&event.stream);
        }
        if !was && !is {
            return Ok(None);
        }
        let order = match &*step.after.state {
            AggregateState::Order(order) => Order::of(order, step.after.version, event.position),
            _ => None,
        };
        Ok(Some(self.update_of(event.position, Some(event), order)))
    }
}
