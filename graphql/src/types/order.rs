//! An order as clients see it.

use std::sync::Arc;

use async_graphql::{Context, ID, Object};
use chrono::{DateTime, Utc};
use domain::access::Permission;
use domain::order::{Fulfilment as How, PlacedOrder, Progress};
use domain::usecase::carries;
use domain::{LogPosition, StreamId};
use messages::labels;

use super::actions::{self, OrderAction, OrderFacts};
use super::comment::{Comment, CommentSubject};
use super::contact::Contact;
use super::delivery::Delivery;
use super::enums::{CancelReason, DeliveryFailure, Fulfilment, OrderChannel, OrderStatus, PaymentIntent};
use super::event::{EventConnection, history};
use super::order_parts::{OrderLine, Payment, Promise, VatPart};
use super::page::connection;
use super::pizzeria::Pizzeria;
use super::staff::Staff;
use crate::as_of::{self, PointInTime};
use crate::context::ApiContext;
use crate::error::ApiError;
use crate::field_access::{hidden_without, open, requires};
use crate::ids::{self, GlobalId};
use crate::scalars::{self, Money};

/// An accepted order, at one version.
#[derive(Debug, Clone)]
pub struct Order {
    /// The state.
    pub order: Arc<PlacedOrder>,
    /// The version of its stream.
    pub version: i64,
    /// The state includes the log at least up to this position.
    pub position: LogPosition,
    /// The point in the past that the state is of; `None` for the present.
    pub as_of: Option<PointInTime>,
}

/// An order: its lines, prices, payments and progress.
#[Object]
impl Order {
    /// The id, `order:<uuid>`; of a past state, `order:<uuid>@<position>`.
    #[graphql(directive = open::apply())]
    pub async fn id(&self) -> ID {
        ids::at_point(self.order.id.to_global(), self.as_of)
    }

    /// The number shown to people, such as `P1-000042`.
    #[graphql(directive = open::apply())]
    async fn number(&self) -> &str {
        &self.order.number
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

    /// The log position given by `asOf`: the order and everything below it are of this position, except names
    /// and contacts, which are current. `null` for the present.
    #[graphql(directive = open::apply())]
    async fn as_of_position(&self) -> Option<scalars::Position> {
        as_of::position(self.as_of)
    }

    /// The order's status.
    #[graphql(directive = open::apply())]
    async fn status(&self) -> OrderStatus {
        self.order.status().into()
    }

    /// The status in the caller's language.
    #[graphql(directive = open::apply())]
    async fn status_label(&self, ctx: &Context<'_>) -> Result<&'static str, ApiError> {
        Ok(labels::order_status(self.order.status(), self.order.fulfilment, ctx.caller()?.lang))
    }

    /// The pizzeria that prepares the order.
    #[graphql(directive = open::apply())]
    async fn pizzeria(&self, ctx: &Context<'_>) -> Result<Pizzeria, ApiError> {
        Pizzeria::load_as_of(ctx, &self.order.pizzeria, self.as_of).await
    }

    /// The channel through which the order was placed.
    #[graphql(directive = open::apply())]
    async fn channel(&self) -> OrderChannel {
        self.order.channel.into()
    }

    /// How the order reaches the customer.
    #[graphql(directive = open::apply())]
    async fn fulfilment(&self) -> Fulfilment {
        self.order.fulfilment.into()
    }

    /// The lines of the order.
    #[graphql(directive = open::apply())]
    async fn lines(&self) -> Vec<OrderLine> {
        let id = |line: u32| ids::order_line(self.order.id, line, self.as_of);
        let lines = self.order.lines.iter();
        lines.map(|line| OrderLine::of(self.people(), id(line.line), line)).collect()
    }

    /// The price of the lines, VAT included, without the delivery fee.
    #[graphql(directive = open::apply())]
    async fn subtotal(&self) -> Money {
        self.order.pricing.subtotal.into()
    }

    /// The delivery fee, VAT included; zero unless delivered.
    #[graphql(directive = open::apply())]
    async fn delivery_fee(&self) -> Money {
        self.order.pricing.delivery_fee.into()
    }

    /// The total by VAT rate, in ascending order of the rate; the gross amounts add up to the total.
    #[graphql(directive = open::apply())]
    async fn vat(&self) -> Vec<VatPart> {
        self.order.pricing.vat.iter().map(VatPart::from).collect()
    }

    /// The total price, VAT and delivery included.
    #[graphql(directive = open::apply())]
    async fn total(&self) -> Money {
        self.order.pricing.total.into()
    }

    /// The intended way of payment.
    #[graphql(directive = open::apply())]
    async fn payment(&self) -> PaymentIntent {
        self.order.payment.into()
    }

    /// The amount captured, less refunds.
    #[graphql(directive = open::apply())]
    async fn paid(&self) -> Money {
        self.order.paid.into()
    }

    /// The amount still due; negative when a refund is owed.
    #[graphql(directive = open::apply())]
    async fn due(&self) -> Money {
        self.order.due().into()
    }

    /// All payments, oldest first.
    #[graphql(directive = open::apply())]
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

    /// The promised time, according to the latest promise.
    #[graphql(directive = open::apply())]
    async fn promised_at(&self) -> DateTime<Utc> {
        self.order.promised_at()
    }

    /// All promises, oldest first.
    #[graphql(directive = open::apply())]
    async fn promises(&self) -> Vec<Promise> {
        let promises = self.order.promises.iter();
        promises
            .map(|promise| Promise { promised_at: promise.promised_at, given_at: promise.given_at })
            .collect()
    }

    /// Whether the order reached the customer after the promised time, or has not reached the customer
    /// although that time has passed. For a past state, the time of `asOf` counts as now.
    #[graphql(directive = open::apply())]
    async fn late(&self, ctx: &Context<'_>) -> Result<bool, ApiError> {
        let now = as_of::now(ctx, self.as_of)?;
        Ok(self.order.is_late() || !self.order.status().is_closed() && now > self.order.promised_at())
    }

    /// The time when the order was placed.
    #[graphql(directive = open::apply())]
    async fn placed_at(&self) -> DateTime<Utc> {
        self.order.placed_at
    }

    /// The deadline for online payment; `null` unless the order awaits its payment.
    #[graphql(directive = open::apply())]
    async fn expires_at(&self) -> Option<DateTime<Utc>> {
        match self.order.progress {
            Progress::AwaitingPayment { expires_at } => Some(expires_at),
            _ => None,
        }
    }

    /// The time when preparation started; `null` before.
    #[graphql(directive = open::apply())]
    async fn started_at(&self) -> Option<DateTime<Utc>> {
        self.order.started_at
    }

    /// The employee who started preparation. `null` before that, for orders of earlier releases or started by
    /// the system, and for callers who may not see the kitchen.
    #[graphql(directive = hidden_without::apply(Permission::ReadKitchen))]
    async fn prepared_by(&self, ctx: &Context<'_>) -> Result<Option<Staff>, ApiError> {
        let may = ctx.caller()?.reaches(self.scope());
        Ok(self.order.prepared_by.filter(|_| may).map(Staff))
    }

    /// The time when the order was ready; `null` before.
    #[graphql(directive = open::apply())]
    async fn ready_at(&self) -> Option<DateTime<Utc>> {
        self.order.ready_at
    }

    /// The time when a courier last left with it; `null` before.
    #[graphql(directive = open::apply())]
    async fn out_for_delivery_at(&self) -> Option<DateTime<Utc>> {
        self.order.out_at
    }

    /// The time when it was delivered or handed over; `null` before.
    #[graphql(directive = open::apply())]
    async fn completed_at(&self) -> Option<DateTime<Utc>> {
        self.order.completed_at
    }

    /// The time of the cancellation; `null` unless cancelled.
    #[graphql(directive = open::apply())]
    async fn cancelled_at(&self) -> Option<DateTime<Utc>> {
        match self.order.progress {
            Progress::Cancelled { at, .. } => Some(at),
            _ => None,
        }
    }

    /// The reason of the cancellation; `null` unless cancelled.
    #[graphql(directive = open::apply())]
    async fn cancel_reason(&self) -> Option<CancelReason> {
        match self.order.progress {
            Progress::Cancelled { reason, .. } => Some(reason.into()),
            _ => None,
        }
    }

    /// The reason why the last delivery attempt failed; `null` once delivered.
    #[graphql(directive = open::apply())]
    async fn delivery_failure(&self) -> Option<DeliveryFailure> {
        match self.order.progress {
            Progress::NotDelivered { reason, .. } => Some(reason.into()),
            _ => None,
        }
    }

    /// The four digits that the customer gives the courier as proof of delivery. Visible to the customer,
    /// reception and managers, never to the courier; `null` for others.
    #[graphql(directive = hidden_without::apply(Permission::ReadDeliveryCode))]
    async fn delivery_code(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let delivered = self.order.fulfilment == How::Delivery;
        if !delivered || !ctx.caller()?.reaches(self.scope()) {
            return Ok(None);
        }
        let derived = || Ok(ctx.services()?.key.delivery_code(self.order.id));
        self.order.delivery_code.clone().map_or_else(derived, Ok).map(Some)
    }

    /// The distance from the pizzeria to the door, in metres; `null` unless delivered.
    #[graphql(directive = open::apply())]
    async fn distance_metres(&self) -> Option<u32> {
        self.order.distance_m
    }

    /// The recipient and the address; `null` for callers without access to them, and once erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadContact))]
    async fn contact(&self, ctx: &Context<'_>) -> Result<Option<Contact>, ApiError> {
        self.people().contact_for(ctx, ctx.caller()?).await
    }

    /// The single note of an order placed by an older client; otherwise the two notes, as far as the caller
    /// may read them. The kitchen sees it while it has the order, a courier while carrying it.
    #[graphql(
        directive = hidden_without::apply(Permission::ReadNote),
        deprecation = "Use `kitchenNote` and `deliveryNote`; it may be missing from 0.4.0 on."
    )]
    async fn note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.people().note_for(ctx).await
    }

    /// The customer's note to the kitchen, such as an allergy; for an order placed by an older client, its
    /// `note`. The kitchen sees it while it has the order. `null` for a caller without access to it, and once
    /// erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadKitchenNote))]
    async fn kitchen_note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.people().kitchen_note_for(ctx, None).await
    }

    /// The customer's note to the courier, such as a floor; for an order placed by an older client, its
    /// `note`. A courier sees it as long as the contact. `null` for a caller without access to it, and once
    /// erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadDeliveryNote))]
    async fn delivery_note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.people().delivery_note_for(ctx).await
    }

    /// The customer's first name, for the kitchen ticket; `null` for a caller without access to it, and once
    /// erased.
    #[graphql(directive = hidden_without::apply(Permission::ReadFirstName))]
    async fn customer_first_name(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        self.people().first_name_for(ctx).await
    }

    /// The comments on its cancellation and its refunds; `null` for a caller without access to them.
    #[graphql(directive = hidden_without::apply(Permission::ReadComment))]
    async fn comments(&self, ctx: &Context<'_>) -> Result<Option<Vec<Comment>>, ApiError> {
        if !ctx.caller()?.reaches(self.scope()) {
            return Ok(None);
        }
        let mut notes = Vec::new();
        notes.extend(self.order.cancel_note.clone().map(|note| (CommentSubject::Cancellation, note)));
        notes.extend(self.order.refund_notes.iter().cloned().map(|note| (CommentSubject::Refund, note)));
        Comment::load(ctx, notes).await.map(Some)
    }

    /// The delivery; `null` until the order is ready, and for orders that are not delivered.
    #[graphql(directive = hidden_without::apply(Permission::ReadDelivery))]
    async fn delivery(&self, ctx: &Context<'_>) -> Result<Option<Delivery>, ApiError> {
        let delivery = self.delivery_of(ctx).await?;
        let caller = ctx.caller()?;
        Ok(delivery.filter(|delivery| caller.reaches(delivery.scope())))
    }

    /// The actions that the caller's role may take, each with the reason if the state does not allow it now.
    #[graphql(directive = open::apply())]
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
        let facts = OrderFacts { carried, online: ctx.services()?.payments.is_available() };
        let actions = actions::on_order(&self.order, caller.actor.as_ref(), facts, ctx.now()?, caller.lang);
        Ok(actions::of(actions, self.as_of, caller.lang))
    }

    /// All events of the order, oldest first, at most 100 a page; of a past state, the events up to that
    /// point.
    #[graphql(
        directive = requires::apply(Permission::ReadOrder)
    )]
    async fn history(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Returns the first `n` events (1–100).")] first: i32,
        #[graphql(desc = "Returns the events after this cursor.")] after: Option<String>,
    ) -> Result<EventConnection, ApiError> {
        ctx.caller()?.reach(self.scope())?;
        history(ctx, &StreamId::order(self.order.id), first, after.as_deref(), self.as_of).await
    }
}

connection!(OrderConnection, OrderEdge, Order, "orders", as_of);
