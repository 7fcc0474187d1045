//! A delivery as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::delivery::{Delivery as DeliveryState, DeliveryProgress, Proof, ScheduledDelivery};
use domain::ids::DeliveryId;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;
use messages::labels;
use projections::deliveries;

use super::actions::{self, OrderAction};
use super::comment::{Comment, CommentSubject};
use super::contact::Contact;
use super::courier_position::CourierPosition;
use super::enums::{DeliveryFailure, DeliveryStatus, ProofKind};
use super::event::{EventConnection, history};
use super::order::Order;
use super::page::connection;
use super::pizzeria::Pizzeria;
use super::staff::Staff;
use crate::as_of::{self, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{hidden_without, open, requires};
use crate::ids::{self, GlobalId};
use crate::loaders::{OrderOf, PositionOf, StateAt};
use crate::scalars;

/// A delivery, at one version.
#[derive(Debug, Clone)]
pub struct Delivery {
    /// The state.
    pub delivery: Arc<ScheduledDelivery>,
    /// The version of its stream.
    pub version: i64,
    /// The state includes the log at least up to this position.
    pub position: LogPosition,
    /// The point in the past that the state is of; `None` for the present.
    pub as_of: Option<PointInTime>,
}

impl From<deliveries::Row> for Delivery {
    fn from(row: deliveries::Row) -> Self {
        Self { delivery: row.delivery, version: row.version, position: row.position, as_of: None }
    }
}

impl Delivery {
    /// Builds a delivery from a folded state; `None` if it was never scheduled.
    pub fn of(state: &DeliveryState, version: i64, position: LogPosition) -> Option<Self> {
        Some(Self { delivery: Arc::new(state.scheduled()?.clone()), version, position, as_of: None })
    }

    /// Returns the state of a command's result; `head` is the position to show when nothing was stored.
    pub fn of_result(result: &CommandResult, head: LogPosition) -> Option<Self> {
        match &*result.state {
            AggregateState::Delivery(state) => {
                Self::of(state, result.version, result.position.unwrap_or(head))
            }
            _ => None,
        }
    }

    /// Loads a delivery as it was at a point in time; `None` if it was not scheduled by then.
    ///
    /// # Errors
    /// Fails when the log cannot be read.
    pub async fn load_as_of(
        ctx: &Context<'_>,
        id: DeliveryId,
        point: PointInTime,
    ) -> Result<Option<Self>, ApiError> {
        let key = StateAt { stream: StreamId::delivery(id), position: point.position };
        let Some(folded) = ctx.loaders()?.load_one(key).await? else { return Ok(None) };
        let AggregateState::Delivery(state) = &folded.state else { return Ok(None) };
        let delivery = Self::of(state, folded.version, LogPosition(folded.position));
        Ok(delivery.map(|delivery| delivery.as_of(point)))
    }

    /// Marks the delivery as being of a point in time.
    #[must_use]
    pub fn as_of(self, point: PointInTime) -> Self {
        Self { as_of: Some(point), ..self }
    }

    /// Returns the owner and the pizzeria, for [`crate::context::Caller::authorize`].
    pub fn scope(&self) -> Scope<'_> {
        Scope::Own { customer: self.delivery.customer, pizzeria: &self.delivery.pizzeria }
    }

    async fn order_of(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        match self.as_of {
            Some(point) => Order::load_as_of(ctx, self.delivery.order, point).await,
            None => Ok(ctx.loaders()?.load_one(OrderOf(self.delivery.order)).await?.map(Into::into)),
        }
    }
}

/// A delivery from the pizzeria to the customer's door, by one courier at a time.
#[Object]
impl Delivery {
    /// The id, `delivery:<uuid>`; of a past state, `delivery:<uuid>@<position>`.
    #[graphql(directive = open::apply())]
    pub async fn id(&self) -> ID {
        ids::at_point(self.delivery.id.to_global(), self.as_of)
    }

    /// The version, for `expectedVersion`.
    #[graphql(directive = open::apply())]
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The state includes the log at least up to this position.
    #[graphql(directive = open::apply())]
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log position given by `asOf`: the delivery and everything below it are of this position, except
    /// names and contacts, which are current. `null` for the present.
    #[graphql(directive = open::apply())]
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The order's number, such as `P1-000042`.
    #[graphql(directive = open::apply())]
    async fn number(&self) -> &str {
        &self.delivery.number
    }

    /// The delivery's status.
    #[graphql(directive = open::apply())]
    async fn status(&self) -> DeliveryStatus {
        self.delivery.status().into()
    }

    /// The status in the caller's language.
    #[graphql(directive = open::apply())]
    async fn status_label(&self, ctx: &Context<'_>) -> Result<&'static str, ApiError> {
        Ok(labels::delivery_status(self.delivery.status(), ctx.caller()?.lang))
    }

    /// The order's id.
    #[graphql(directive = open::apply())]
    async fn order_id(&self) -> ID {
        self.delivery.order.to_global()
    }

    /// The order.
    #[graphql(directive = hidden_without::apply(Permission::ReadOrder))]
    async fn order(&self, ctx: &Context<'_>) -> Result<Option<Order>, ApiError> {
        let caller = ctx.caller()?;
        let order = self.order_of(ctx).await?;
        Ok(order.filter(|order| caller.reaches(order.scope())))
    }

    /// The pizzeria that prepares the order.
    #[graphql(directive = open::apply())]
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Pizzeria, ApiError> {
        Pizzeria::load_as_of(ctx, &self.delivery.pizzeria, self.as_of).await
    }

    /// The courier who carries the delivery now, or delivered it; `null` while unassigned.
    #[graphql(directive = open::apply())]
    async fn courier(&self) -> Option<Staff> {
        self.delivery.courier().map(Staff)
    }

    /// The courier's last reported position while out with the delivery. `null` otherwise, and for a past
    /// state, since only the latest position is kept.
    #[graphql(directive = open::apply())]
    async fn courier_position(&self, ctx: &Context<'_>) -> Result<Option<CourierPosition>, ApiError> {
        match self.delivery.progress {
            DeliveryProgress::PickedUp { .. } if self.as_of.is_none() => {
                Ok(ctx.loaders()?.load_one(PositionOf(self.delivery.id)).await?.map(Into::into))
            }
            _ => Ok(None),
        }
    }

    /// The recipient and the address; `null` for callers without access to them, and once erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadContact))]
    async fn contact(&self, ctx: &Context<'_>) -> Result<Option<Contact>, ApiError> {
        match self.order_of(ctx).await? {
            Some(order) => order.people().contact_for(ctx, ctx.caller()?).await,
            None => Ok(None),
        }
    }

    /// The distance from the pizzeria to the door, in metres.
    #[graphql(directive = open::apply())]
    async fn distance_metres(&self) -> Option<u32> {
        self.delivery.distance_m
    }

    /// Number of times a courier left with it.
    #[graphql(directive = open::apply())]
    async fn attempts(&self) -> u32 {
        self.delivery.attempts
    }

    /// Number of wrong codes so far; after five, only a recipient's name or a photo is accepted as proof.
    #[graphql(directive = open::apply())]
    async fn wrong_codes(&self) -> u32 {
        self.delivery.wrong_codes
    }

    /// The promised time.
    #[graphql(directive = open::apply())]
    async fn promised_at(&self) -> DateTime<Utc> {
        self.delivery.promised_at
    }

    /// The time when the delivery was scheduled.
    #[graphql(directive = open::apply())]
    async fn scheduled_at(&self) -> DateTime<Utc> {
        self.delivery.scheduled_at
    }

    /// The time when a courier was first assigned; `null` before.
    #[graphql(directive = open::apply())]
    async fn assigned_at(&self) -> Option<DateTime<Utc>> {
        self.delivery.assigned_at
    }

    /// The time when a courier last left with it; `null` before.
    #[graphql(directive = open::apply())]
    async fn picked_up_at(&self) -> Option<DateTime<Utc>> {
        self.delivery.picked_up_at
    }

    /// The time when it was last delivered, failed or returned; `null` before.
    #[graphql(directive = open::apply())]
    async fn ended_at(&self) -> Option<DateTime<Utc>> {
        self.delivery.ended_at
    }

    /// The reason of the failure; `null` unless the delivery has failed.
    #[graphql(directive = open::apply())]
    async fn failure(&self) -> Option<DeliveryFailure> {
        match self.delivery.progress {
            DeliveryProgress::Failed { reason, .. } => Some(reason.into()),
            _ => None,
        }
    }

    /// The proof of delivery; `null` until delivered.
    #[graphql(directive = open::apply())]
    async fn proof(&self) -> Option<ProofKind> {
        match self.delivery.progress {
            DeliveryProgress::Delivered { ref proof, .. } => Some(match proof {
                Proof::Code => ProofKind::Code,
                Proof::ReceivedBy { .. } => ProofKind::ReceivedBy,
                Proof::Photo { .. } => ProofKind::Photo,
            }),
            _ => None,
        }
    }

    /// The courier's comment on the last failure; `null` for a caller without access to it.
    #[graphql(directive = hidden_without::apply(Permission::ReadComment))]
    async fn comments(&self, ctx: &Context<'_>) -> Result<Option<Vec<Comment>>, ApiError> {
        if !ctx.caller()?.reaches(self.scope()) {
            return Ok(None);
        }
        let failed = self.delivery.failure_note.clone();
        let notes = failed.into_iter().map(|note| (CommentSubject::DeliveryFailure, note)).collect();
        Comment::load(ctx, notes).await.map(Some)
    }

    /// The actions that the caller's role may take, each with the reason if the state does not allow it now.
    #[graphql(directive = open::apply())]
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Vec<OrderAction>, ApiError> {
        let caller = ctx.caller()?;
        let owed = self.order_of(ctx).await?.and_then(|order| order.order.owed_online());
        let actor = caller.actor.as_ref();
        let actions = actions::on_delivery(&self.delivery, actor, owed, ctx.now()?, caller.lang);
        Ok(actions::of(actions, self.as_of, caller.lang))
    }

    /// All events of the delivery, oldest first, at most 100 a page; of a past state, the events up to that
    /// point.
    #[graphql(
        directive = requires::apply(Permission::ReadDelivery)
    )]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first `n` events (1–100).")] first: i32,
        #[graphql(desc = "Returns the events after this cursor.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        ctx.caller()?.reach(self.scope())?;
        history(ctx, &StreamId::delivery(self.delivery.id), first, after.as_deref(), self.as_of).await
    }
}

connection!(DeliveryConnection, DeliveryEdge, Delivery, "deliveries", as_of);
