//! An order as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use domain::access::{Permission, Scope};
use domain::ids::{DeliveryId, OrderId};
use domain::order::{Fulfilment as How, Order as OrderState, PlacedOrder, Progress};
use domain::usecase::carries;
use domain::{AggregateState, LogPosition, StreamId};
use event_store::CommandResult;
use messages::labels;
use projections::order_details;

use super::actions::{self, Beside, OrderAction};
use super::contact::Contact;
use super::delivery::Delivery;
use super::enums::{CancelReason, DeliveryFailure, Fulfilment, OrderChannel, OrderStatus, PaymentIntent};
use super::event::{EventConnection, history};
use super::order_parts::{OrderLine, Payment, Promise, VatPart};
use super::order_people::{Comment, CommentSubject};
use super::page::connection;
use super::pizzeria::Pizzeria;
use crate::as_of::{self, Moment};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::ids::{self, GlobalId};
use crate::loaders::StateAt;
use crate::roles_directive::{requires, roles};
use crate::scalars::{self, Money};

/// An order that was accepted, at one version.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its state.
    pub order: Arc<PlacedOrder>,
    /// The version of its stream.
    pub version: i64,
    /// The log's position that this state is of, at least.
    pub position: LogPosition,
    /// The point of the past that it is of; none for the present.
    pub as_of: Option<Moment>,
}

impl From<order_details::Row> for Order {
    fn from(row: order_details::Row) -> Self {
        Self { order: row.order, version: row.version, position: row.position, as_of: None }
    }
}

impl Order {
    /// From a state
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

    /// An order as it was at a moment; none when it was not accepted by then.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn load_as_of(
        ctx: &Context<'_>,
        id: OrderId,
        moment: Moment,
    ) -> Result<Option<Self>, ApiError> {
        let key = StateAt { stream: StreamId::order(id), position: moment.position };
        let Some(folded) = ctx.loaders()?.load_one(key).await? else { return Ok(None) };
        let AggregateState::Order(state) = &folded.state else { return Ok(None) };
        let order = Self::of(state, folded.version, LogPosition(folded.position));
        Ok(order.map(|order| order.as_of(moment)))
    }

    /// The same, said to be of a moment.
    #[must_use]
    pub fn as_of(self, moment: Moment) -> Self {
        Self { as_of: Some(moment), ..self }
    }

    /// Whose and where it is, for [`crate::context::Caller::authorize`].
    pub fn scope(&self) -> Scope<'_> {
        Scope::Own { customer: self.order.customer, pizzeria: &self.order.pizzeria }
    }

    pub(super) async fn delivery_of(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, ApiError> {
        if self.order.fulfilment != How::Delivery {
            return Ok(None);
        }
        match self.as_of {
            Some(moment) => Delivery::load_as_of(ctx, DeliveryId::of(self.order.id), moment).await,
            None => Ok(ctx.loaders()?.load_one(self.order.id).await?.map(Into::into)),
        }
    }
}

/// An order: what was asked, what it costs, and where it stands.
#[Object]
impl Order {
    /// Its id, `order:<uuid>`; of the past, `order:<uuid>@<position>`.
    pub async fn id(&self) -> ID {
        ids::at_moment(self.order.id.to_global(), self.as_of)
    }

    /// The number people say, `P1-000042`.
    async fn number(&self) -> &str {
        &self.order.number
    }

    /// Its version, for `expectedVersion`.
    async fn version(&self) -> Result<i32, ApiError> {
        scalars::int(self.version)
    }

    /// The log's position that this state is of, at least.
    async fn position(&self) -> scalars::Position {
        scalars::Position(self.position)
    }

    /// The log's position that it is shown as of, where `asOf` was asked for: all below it is of the same,
    /// but for names and contacts, which are those kept today. None for the present.
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// Where it stands.
    async fn status(&self) -> OrderStatus {
        self.order.status().into()
    }

    /// Where it stands, in the caller's language.
    async fn status_label(&self, ctx: &Context<'_>) -> Result<&'static str, ApiError> {
        Ok(labels::order_status(self.order.status(), self.order.fulfilment, ctx.caller()?.lang))
    }

    /// Where it is made.
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Pizzeria, ApiError> {
        Pizzeria::load_as_of(ctx, &self.order.pizzeria, self.as_of).await
    }

    /// How it came in.
    async fn channel(&self) -> OrderChannel {
        self.order.channel.into()
    }

    /// How it leaves.
    async fn fulfilment(&self) -> Fulfilment {
        self.order.fulfilment.into()
    }

    /// What was ordered.
    async fn lines(&self) -> Vec<OrderLine> {
        self.order.lines.iter().map(|line| OrderLine::of(self, line)).collect()
    }

    /// The lines, without the delivery fee.
    async fn subtotal(&self) -> Money {
        self.order.pricing.subtotal.into()
    }

    /// What the delivery costs; zero unless delivered.
    async fn delivery_fee(&self) -> Money {
        self.order.pricing.delivery_fee.into()
    }

    /// The total by VAT rate, rates ascending; the parts' gross add up to it.
    async fn vat(&self) -> Vec<VatPart> {
        self.order.pricing.vat.iter().map(VatPart::from).collect()
    }

    /// What is to be paid, VAT included.
    async fn total(&self) -> Money {
        self.order.pricing.total.into()
    }

    /// How the customer means to pay.
    async fn payment(&self) -> PaymentIntent {
        self.order.payment.into()
    }

    /// What was captured, less what was refunded.
    async fn paid(&self) -> Money {
        self.order.paid.into()
    }

    /// What is still to be paid; negative when money is owed back.
    async fn due(&self) -> Money {
        self.order.due().into()
    }

    /// Every payment, oldest first.
    async fn payments(&self) -> Vec<Payment> {
        let payments = self.order.payments.iter();
        payments
            .map(|payment| Payment {
                kind: payment.kind.into(),
                method: payment.method.into(),
                amount: payment.amount.into(),
                at: payment.at,
            })
            .collect()
    }

    /// When it is promised for, by the latest promise.
    async fn promised_at(&self) -> DateTime<Utc> {
        self.order.promised_at()
    }

    /// Every promise, oldest first.
    async fn promises(&self) -> Vec<Promise> {
        let promises = self.order.promises.iter();
        promises
            .map(|promise| Promise { promised_at: promise.promised_at, given_at: promise.given_at })
            .collect()
    }

    /// Whether it is later than promised: it reached the customer late, or has not by now, which of the past
    /// is the moment asked for.
    async fn late(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        let now = as_of::now(ctx, self.as_of)?;
        Ok(self.order.is_late() || !self.order.status().is_closed() && now > self.order.promised_at())
    }

    /// When it was placed.
    async fn placed_at(&self) -> DateTime<Utc> {
        self.order.placed_at
    }

    /// Until when it is to be paid online, while it awaits its payment.
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.order.progress {
            Progress::AwaitingPayment { expires_at } => Some(expires_at),
            _ => None,
        }
    }

    /// When preparation began.
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.order.started_at
    }

    /// When it was ready.
    async fn ready_at(&self) -> Option<DateTime<Utc>> {
        self.order.ready_at
    }

    /// When a courier last left with it.
    async fn out_for_delivery_at(&self) -> Option<DateTime<Utc>> {
        self.order.out_at
    }

    /// When it reached the customer: delivered or handed over.
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.order.completed_at
    }

    /// When it was cancelled.
    async fn cancelled_at(&self) -> Option<DateTime<Utc>> {
        match self.order.progress {
            Progress::Cancelled { at, .. } => Some(at),
            _ => None,
        }
    }

    /// Why it was cancelled.
    async fn cancel_reason(&self) -> Option<CancelReason> {
        match self.order.progress {
            Progress::Cancelled { reason, .. } => Some(reason.into()),
            _ => None,
        }
    }

    /// Why the last attempt to deliver it failed, while it is not delivered.
    async fn delivery_failure(&self) -> Option<DeliveryFailure> {
        match self.order.progress {
            Progress::NotDelivered { reason, .. } => Some(reason.into()),
            _ => None,
        }
    }

    /// The four digits that the customer tells the courier. For the customer, reception and the
    /// managers: never for the courier.
    #[graphql(directive = requires::apply(roles(Permission::ReadDeliveryCode)))]
    async fn delivery_code(&self, ctx: &Context<'_>) -> Result<Option<&str>, ApiError> {
        let may = ctx.caller()?.may(Permission::ReadDeliveryCode, self.scope());
        Ok(self.order.delivery_code.as_deref().filter(|_| may))
    }

    /// From the pizzeria to the door, in metres; for deliveries.
    async fn distance_metres(&self) -> Option<u32> {
        self.order.distance_m
    }

    /// Who it is for, and where to; none for those who may not see it, and once it is erased.
    #[graphql(directive = requires::apply(roles(Permission::ReadContact)))]
    async fn contact(&self, ctx: &Context<'_>) -> Result<Option<Contact>, ApiError> {
        self.contact_for(ctx, ctx.caller()?).await
    }

    /// What the customer told the pizzeria before there were two notes, else the notes that the caller may read. For the
    /// kitchen while it has the order, for the courier while it is theirs to carry.
    #[graphql(
        directive = requires::apply(roles(Permission::ReadNote)),
        deprecation = "Use `kitchenNote` and `deliveryNote`; it may be missing from 0.4.0 on."
    )]
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.note_for(ctx).await
    }

    /// What the customer wants the kitchen to know, such as an allergy; `null` for a caller who may not see it, and once it
    /// is erased. Of an order by an older client, its `note`. The kitchen sees it while it has the order.
    #[graphql(directive = requires::apply(roles(Permission::ReadKitchenNote)))]
    async fn kitchen_note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.kitchen_note_for(ctx, None).await
    }

    /// What the customer wants the courier to know, such as a floor; `null` for a caller who may not see it, and once it is
    /// erased. Of an order by an older client, its `note`. A courier sees it as long as the contact.
    #[graphql(directive = requires::apply(roles(Permission::ReadDeliveryNote)))]
    async fn delivery_note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.delivery_note_for(ctx).await
    }

    /// The customer's first name, for the ticket; `null` for a caller who may not see it, and once it is erased.
    #[graphql(directive = requires::apply(roles(Permission::ReadFirstName)))]
    async fn customer_first_name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.first_name_for(ctx).await
    }

    /// What was written beside the reasons of its cancellation and its refunds; `null` for a caller who may not see it.
    #[graphql(directive = requires::apply(roles(Permission::ReadComment)))]
    async fn comments(&self, ctx: &Context<'_>) -> Result<Option<Vec<Comment>>, ApiError> {
        if !ctx.caller()?.may(Permission::ReadComment, self.scope()) {
            return Ok(None);
        }
        let mut notes = Vec::new();
        notes.extend(self.order.cancel_note.clone().map(|note| (CommentSubject::Cancellation, note)));
        notes.extend(self.order.refund_notes.iter().cloned().map(|note| (CommentSubject::Refund, note)));
        Comment::load(ctx, notes).await.map(Some)
    }

    /// Its delivery, once it is ready for one.
    #[graphql(directive = requires::apply(roles(Permission::ReadDelivery)))]
    async fn delivery(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, ApiError> {
        let delivery = self.delivery_of(ctx).await?;
        let caller = ctx.caller()?;
        Ok(delivery.filter(|delivery| caller.may(Permission::ReadDelivery, delivery.scope())))
    }

    /// What the caller may do to it, and whether its state allows it now, with the reason when not.
    async fn allowed_actions(&self, ctx: &Context<'_>) -> Result<Vec<OrderAction>, ApiError> {
        let caller = ctx.caller()?;
        let courier = caller.actor.as_ref().and_then(actions::acting_courier);
        let carried = match courier {
            Some(courier) => {
                let delivery = self.delivery_of(ctx).await?;
                carries(delivery.as_ref().map(|delivery| &*delivery.delivery), courier)
            }
            None => false,
        };
        let beside = Beside { carried, online: ctx.services()?.payments.is_available() };
        let actions = actions::on_order(&self.order, caller.actor.as_ref(), beside, ctx.now()?, caller.lang);
        Ok(actions::of(actions, self.as_of, caller.lang))
    }

    /// Everything that happened to it, of the past by then, oldest first, at most 100 events a page.
    #[graphql(
        directive = requires::apply(roles(Permission::ReadOrder))
    )]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many, 1 to 100.")] first: i32,
        #[graphql(desc = "Behind this cursor.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        ctx.caller()?.authorize(Permission::ReadOrder, self.scope())?;
        history(ctx, &StreamId::order(self.order.id), first, after.as_deref(), self.as_of).await
    }
}

connection!(OrderConnection, OrderEdge, Order, "orders", as_of);
