//! What an order tells of its customer, to whom, and when: by purpose, not by role. The kitchen sees what is written
//! for it and a first name while it has the order; the courier the door while it is theirs to carry.

use async_graphql::{Context, Enum, SimpleObject};
use chrono::SubsecRound;
use domain::access::{Actor, Permission, Role};
use domain::delivery::DeliveryStatus as DeliveryState;
use domain::note::{NotePurpose, NoteRef};
use domain::order::{Fulfilment as How, OrderStatus as Status};
use identity::personal_data::{ContactKey, ContactRead};

use super::contact::Contact;
use super::order::Order;
use crate::context::{ApiContext, Caller};
use crate::error::ApiError;
use crate::loaders::{KitchenContactOf, NoteText};

/// What a comment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "domain::note::CommentSubject")]
pub enum CommentSubject {
    /// Why an order was cancelled.
    Cancellation,
    /// Why money was given back.
    Refund,
    /// Why a delivery failed.
    DeliveryFailure,
    /// Why ingredients were thrown away.
    Waste,
}

/// What staff or a customer wrote beside the reason that they chose.
#[derive(Debug, Clone, SimpleObject)]
pub struct Comment {
    /// What it is about.
    pub about: CommentSubject,
    /// The words; `null` once they are erased.
    pub text: Option<String>,
}

impl Comment {
    /// The comments behind some references.
    ///
    /// # Errors
    /// When the database does not answer.
    pub(super) async fn load(
        ctx: &Context<'_>,
        notes: Vec<(CommentSubject, NoteRef)>,
    ) -> Result<Vec<Self>, ApiError> {
        let mut comments = Vec::new();
        for (about, note) in notes {
            comments.push(Self { about, text: text_of(ctx, Some(&note)).await? });
        }
        Ok(comments)
    }
}

/// The text of a note; `None` without a note, and once it is erased.
async fn text_of(ctx: &Context<'_>, note: Option<&NoteRef>) -> Result<Option<String>, ApiError> {
    match note {
        Some(note) => ctx.loaders()?.load_one(NoteText(note.id)).await,
        None => Ok(None),
    }
}

impl Order {
    /// The row of personal data, for a caller who may see it. A courier may while the order waits for
    /// one, and while it is theirs to carry, no longer; an auditor sees a pseudonym.
    pub(super) async fn contact_for(
        &self,
        ctx: &Context<'_>,
        caller: &Caller,
    ) -> Result<Option<Contact>, ApiError> {
        let Some(id) = self.order.contact else { return Ok(None) };
        if caller.actor.as_ref().is_some_and(|actor| actor.role == Role::Auditor) {
            return Ok(Some(Contact::pseudonym(id)));
        }
        if !caller.may(Permission::ReadContact, self.scope()) || !self.is_at_hand(ctx, caller).await? {
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

    /// Whether the order is the caller's to deal with now: for a courier while it waits for one and while it is
    /// theirs to carry, for the kitchen until it is handed on; for others always.
    async fn is_at_hand(&self, ctx: &Context<'_>, caller: &Caller) -> Result<bool, ApiError> {
        let Some(actor) = &caller.actor else { return Ok(false) };
        match actor.role {
            Role::Courier => {
                // What a courier carried once is no reason to see the customer today.
                if self.as_of.is_some() {
                    return Ok(false);
                }
                let delivery = self.delivery_of(ctx).await?;
                let carrier = delivery.as_ref().and_then(|delivery| delivery.delivery.courier());
                let over = delivery.is_some_and(|delivery| is_over(delivery.delivery.status()));
                let waits = matches!(self.order.status(), Status::Ready | Status::NotDelivered);
                Ok(match carrier {
                    Some(carrier) => carrier.0 == actor.id && !over && !self.order.status().is_closed(),
                    None => waits && !over && self.order.fulfilment == How::Delivery,
                })
            }
            Role::Pizzaiolo => Ok(self.as_of.is_none() && is_in_kitchen(self.order.status())),
            Role::Customer
            | Role::Receptionist
            | Role::Manager
            | Role::Director
            | Role::Auditor
            | Role::System => Ok(true),
        }
    }

    /// What is written for the kitchen about a line, or about the order as a whole. Of an order by an older client
    /// that is its one note.
    pub(super) async fn kitchen_note_for(
        &self,
        ctx: &Context<'_>,
        line: Option<u32>,
    ) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !caller.may(Permission::ReadKitchenNote, self.scope()) || !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        match (self.order.note(NotePurpose::Kitchen, line), line) {
            (None, None) => self.old_note(ctx).await,
            (note, _) => text_of(ctx, note).await,
        }
    }

    /// What is written for the courier; of an order by an older client, its one note. That staff read it is noted as
    /// a read of the contact.
    pub(super) async fn delivery_note_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !caller.may(Permission::ReadDeliveryNote, self.scope()) || !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        let contact = self.contact_for(ctx, caller).await?;
        match self.order.note(NotePurpose::Delivery, None) {
            Some(note) => text_of(ctx, Some(note)).await,
            None => Ok(contact.and_then(|contact| contact.note)),
        }
    }

    /// The one note that older clients know: theirs, else those of this order that the caller may read.
    pub(super) async fn note_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !caller.may(Permission::ReadNote, self.scope()) || !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        if let Some(note) = self.old_note(ctx).await? {
            return Ok(Some(note));
        }
        let (kitchen, delivery) =
            (self.kitchen_note_for(ctx, None).await?, self.delivery_note_for(ctx).await?);
        let notes: Vec<String> = kitchen.into_iter().chain(delivery).collect();
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

    /// What the kitchen calls the customer.
    pub(super) async fn first_name_for(&self, ctx: &Context<'_>) -> Result<Option<String>, ApiError> {
        let caller = ctx.caller()?;
        if !caller.may(Permission::ReadFirstName, self.scope()) || !self.is_at_hand(ctx, caller).await? {
            return Ok(None);
        }
        let Some(id) = self.order.contact else { return Ok(None) };
        Ok(ctx.loaders()?.load_one(KitchenContactOf(id)).await?.and_then(|contact| contact.first_name))
    }
}

/// Whether the delivery has ended.
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

/// Whether the kitchen has the order, or will.
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
