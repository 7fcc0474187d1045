//! What an event tells its consumers: ledgers, retention, notes, refusals, reactors. Each event enum answers
//! once, in an exhaustive `facts`, so that a new event does not compile until it has an answer; consumers
//! read the answers and never list events. Facts come from the event alone, never from a state.

use chrono::{DateTime, Utc};

use super::Event;
use crate::ids::{ContactId, OrderId, PizzeriaId};
use crate::money::Cents;
use crate::note::{CommentSubject, NoteRef};
use crate::order::{Missing, PaymentMethod};

/// The answers of one event.
#[derive(Debug, Clone, Copy, Default)]
pub struct Facts<'a> {
    /// The pizzeria named by an order's first event: its placement or its refusal.
    pub pizzeria: Option<&'a PizzeriaId>,
    /// The refusal that the event records.
    pub refusal: Option<RecordedRefusal<'a>>,
    /// The money that changed hands.
    pub money: Option<MoneyMoved<'a>>,
    /// When the event first moved a figure of its day: a sale, a refusal, money. Later events (lateness, a
    /// cancellation) correct the day of the sale.
    pub counts_at: Option<DateTime<Utc>>,
    /// When an order became ready for a courier.
    pub awaits_courier_at: Option<DateTime<Utc>>,
    /// The row of personal data that was stored with the event.
    pub contact: Option<ContactId>,
    /// The notes for the kitchen and the courier that were stored with the event.
    pub notes: &'a [NoteRef],
    /// The comment beside the reason that the event carries.
    pub comment: Option<(CommentSubject, &'a NoteRef)>,
    /// The order that a movement of stock is for.
    pub order: Option<OrderId>,
    /// Whether goods came in or were found by a count; ingredients that an order gives back do not count.
    pub replenishes: bool,
}

/// Refusal that is stored as an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordedRefusal<'a> {
    /// An order was refused because these ingredients were missing.
    OutOfStock(&'a [Missing]),
    /// The payment provider declined, for this reason code.
    PaymentDeclined(&'a str),
    /// A wrong delivery code was given, for the `n`th time.
    WrongCode(u32),
}

/// Money that came in or went back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MoneyMoved<'a> {
    /// Payment method.
    pub method: PaymentMethod,
    /// Amount that came in.
    pub captured: Cents,
    /// Amount that went back.
    pub refunded: Cents,
    /// The payment provider's reference of the captured charge.
    pub charge: Option<&'a str>,
    /// When the money moved.
    pub at: DateTime<Utc>,
}

impl<'a> Facts<'a> {
    /// Returns every note stored with the event, the comment included.
    pub fn all_notes(&self) -> impl Iterator<Item = &'a NoteRef> {
        self.notes.iter().chain(self.comment.map(|(_, note)| note))
    }
}

/// Place in an event where the notes of its command are stored.
#[derive(Debug)]
pub(crate) enum NoteSlot<'a> {
    /// The event carries no notes.
    None,
    /// The event carries a comment beside its reason.
    Comment(&'a mut Option<NoteRef>),
    /// The event carries notes for the kitchen and the courier.
    Notes(&'a mut Vec<NoteRef>),
}

impl Event {
    /// Returns what the event tells its consumers.
    pub fn facts(&self) -> Facts<'_> {
        match self {
            Self::Order(event) => event.facts(),
            Self::Stock(event) => event.facts(),
            Self::Delivery(event) => event.facts(),
            Self::Pizzeria(_) | Self::Menu(_) | Self::Staff(_) | Self::Customer(_) | Self::Closing(_) => {
                Facts::default()
            }
        }
    }

    /// Returns the place for the notes of the event's command.
    pub(crate) fn note_slot(&mut self) -> NoteSlot<'_> {
        match self {
            Self::Order(event) => event.note_slot(),
            Self::Stock(event) => event.note_slot(),
            Self::Delivery(event) => event.note_slot(),
            Self::Pizzeria(_) | Self::Menu(_) | Self::Staff(_) | Self::Customer(_) | Self::Closing(_) => {
                NoteSlot::None
            }
        }
    }
}
