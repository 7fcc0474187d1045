//! Access to a customer's data on an order: by purpose, not only by role. The kitchen sees its note and a
//! first name while it has the order; a courier sees the address while carrying it.

use std::sync::Arc;

use async_graphql::Context;
use chrono::SubsecRound;
use domain::access::{Actor, Permission, Role, Scope};
use domain::delivery::DeliveryStatus as DeliveryState;
use domain::note::NotePurpose;
use domain::order::{Fulfilment as How, OrderStatus as Status, PlacedOrder};
use identity::personal_data::{ContactKey, ContactRead};

use super::comment::text_of;
use super::contact::Contact;
use crate::context::{ApiContext, Caller};
use crate::error::ApiError;
use crate::loaders::KitchenContactOf;

/// A customer's data on an order, which each method returns as far as the caller may see it.
#[derive(Debug, Clone)]
pub struct OrderPeople {
    /// The order.
    pub order: Arc<PlacedOrder>,
    /// Whether the order is of a point in the past.
    pub is_past: bool,
}

impl OrderPeople {
    fn scope(&self) -> Scope<'_> {
        Scope::Own { customer: self.order.customer, pizzeria: &self.order.pizzeria }
    }

    /// Returns the row of personal data for a caller with access to it: a courier while the order waits for
    /// one and while carrying it, an auditor as a pseudonym.
    pub(super) async fn contact_for(
        &self,
        ctx: &Context<'_>,
        caller: &Caller,
    ) -> Result<Option<Contact>, ApiError> {
        let Some(id) = self.order.contact else { return Ok(None) };
        if caller.actor.as_ref().is_some_and(|actor| actor.role == Role::Auditor) {
            return Ok(Some(Contact::pseudonym(id)));
        }
        if !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        let reading = |actor: &Actor| {
            Ok::<_, ApiError>(ContactRead {
                reader: actor.id,
                role: actor.role,
                customer: self.order.customer,
                order: self.order.id,
                pizzeria: self.order.pizzeria.clone(),
                at: ctx.now()?.trunc_subsecs(0),
            })
        };
        let staff = caller.actor.as_ref().filter(|actor| actor.role != Role::Customer);
        let reading = staff.map(reading).transpose()?;
        Ok(ctx.loaders()?.load_one(ContactKey { id, reading }).await?.map(Into::into))
    }

    /// Returns whether the order is within the caller's reach and concerns the caller now: a courier while it
    /// waits for one and while carrying it, the kitchen until it leaves the kitchen, others always.
    async fn is_at_hand(&self, ctx: &Context<'_>, caller: &Caller) -> Result<bool, ApiError> {
        let Some(actor) = caller.actor.as_ref().filter(|_| caller.reaches(self.scope())) else {
            return Ok(false);
        };
        match actor.role {
            Role::Courier => {
                // A past delivery does not entitle a courier to see the customer today.
                if self.is_past || self.order.fulfilment != How::Delivery {
                    return Ok(false);
                }
                let delivery = ctx.loaders()?.load_one(self.order.id).await?;
                let carrier = delivery.as_ref().and_then(|delivery| delivery.delivery.courier());
                let over = delivery.is_some_and(|delivery| is_over(delivery.delivery.status()));
                let waits = matches!(self.order.status(), Status::Ready | Status::NotDelivered);
                Ok(match carrier {
                    Some(carrier) => carrier.0 == actor.id && !over && !self.order.status().is_closed(),
                    None => waits && !over,
                })
            }
            Role::Pizzaiolo => Ok(!self.is_past && is_in_kitchen(self.order.status())),
            Role::Customer
            | Role::Receptionist
            | Role::Manager
            | Role::Director
            | Role::Auditor
            | Role::System => Ok(true),
        }
    }

    /// Loads the note to the kitchen about a line or the whole order; for an order by an older client, its
    /// single note.
    pub(super) async fn kitchen_note_for(
        &self,
        ctx: &Context<'_>,
        line: Option<u32>,
    ) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        match (self.order.note(NotePurpose::Kitchen, line), line) {
            (None, None) => self.old_note(ctx).await,
            (note, _) => text_of(ctx, note).await,
        }
    }

    /// Loads the note to the courier; for an order by an older client, its single note. A read by staff is
    /// recorded as a read of the contact.
    pub(super) async fn delivery_note_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        let contact = self.contact_for(ctx, caller).await?;
        match self.order.note(NotePurpose::Delivery, None) {
            Some(note) => text_of(ctx, Some(note)).await,
            None => Ok(contact.and_then(|contact| contact.note)),
        }
    }

    /// Loads the single note of older clients, otherwise the notes of this order that the caller may read.
    pub(super) async fn note_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        if let Some(note) = self.old_note(ctx).await? {
            return Ok(Some(note));
        }
        let mut notes = Vec::new();
        if caller.may(Permission::ReadKitchenNote, self.scope()) {
            notes.extend(self.kitchen_note_for(ctx, None).await?);
        }
        if caller.may(Permission::ReadDeliveryNote, self.scope()) {
            notes.extend(self.delivery_note_for(ctx).await?);
        }
        Ok(Some(notes.join("\n")).filter(|notes| !notes.is_empty()))
    }

    async fn old_note(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        let is_kitchen = caller.actor.as_ref().is_some_and(|actor| actor.role == Role::Pizzaiolo);
        if !is_kitchen {
            return Ok(self.contact_for(ctx, caller).await?.and_then(|contact| contact.note));
        }
        let Some(id) = self.order.contact else { return Ok(None) };
        Ok(ctx.loaders()?.load_one(KitchenContactOf(id)).await?.and_then(|contact| contact.note))
    }

    /// Loads the customer's first name for the kitchen.
    pub(super) async fn first_name_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        let Some(id) = self.order.contact else { return Ok(None) };
        Ok(ctx.loaders()?.load_one(KitchenContactOf(id)).await?.and_then(|contact| contact.first_name))
    }
}

/// Returns whether the delivery has ended.
fn is_over(status: DeliveryState) -> bool {
    match status {
        DeliveryState::Delivered | DeliveryState::Returned => true,
        DeliveryState::Scheduled
        | DeliveryState::Assigned
        | DeliveryState::PickedUp
        | DeliveryState::Failed
        | DeliveryState::RetryScheduled => false,
    }
}

/// Returns whether the order is in the kitchen or will come there.
fn is_in_kitchen(status: Status) -> bool {
    match status {
        Status::AwaitingPayment | Status::Placed | Status::InPreparation | Status::Ready => true,
        Status::Refused
        | Status::OutForDelivery
        | Status::Delivered
        | Status::NotDelivered
        | Status::Returned
        | Status::HandedOver
        | Status::Cancelled
        | Status::Expired => false,
    }
}
