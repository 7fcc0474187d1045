//! A use case that comes with notes. The use case decides as it would without them; the events that follow carry the
//! notes' references, each on the event that its text is about.

use std::collections::BTreeMap;

use super::{BasketLine, Decision, Refusal, States, UseCase};
use crate::delivery::DeliveryEvent;
use crate::event::Event;
use crate::ids::OrderId;
use crate::note::{NotePurpose, NoteRef};
use crate::order::{OrderEvent, OrderLine, PlacedOrder};
use crate::stock::StockEvent;
use crate::stream::StreamId;

/// A use case with notes.
#[derive(Debug)]
pub struct Noted<U> {
    /// What is asked for.
    pub use_case: U,
    /// The notes that come with it; their rows are stored in the same transaction.
    pub notes: Vec<NoteRef>,
}

/// A change of an order's lines with what becomes of the notes on them.
#[derive(Debug)]
pub struct NotedLines<U> {
    /// The change.
    pub use_case: U,
    /// The order.
    pub order: OrderId,
    /// The lines that shall hold, as the change has them.
    pub lines: Vec<BasketLine>,
    /// New notes, by the line's number.
    pub notes: Vec<NoteRef>,
    /// The numbers of the lines whose note is taken away.
    pub cleared: Vec<u32>,
}

impl<U: UseCase> UseCase for Noted<U> {
    fn name(&self) -> &'static str {
        self.use_case.name()
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        self.use_case.streams(states)
    }

    fn begins(&self) -> Option<StreamId> {
        self.use_case.begins()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let mut decision = self.use_case.decide(states)?;
        let mut notes = self.notes.clone();
        for (_, event) in &mut decision.events {
            attach(event, &mut notes);
        }
        Ok(decision)
    }
}

impl<U: UseCase> UseCase for NotedLines<U> {
    fn name(&self) -> &'static str {
        self.use_case.name()
    }

    fn streams(&self, states: &States<'_>) -> Vec<StreamId> {
        self.use_case.streams(states)
    }

    fn begins(&self) -> Option<StreamId> {
        self.use_case.begins()
    }

    fn decide(&self, states: &States<'_>) -> Result<Decision, Refusal> {
        let mut decision = self.use_case.decide(states)?;
        let Some(order) = states.order(self.order).placed() else { return Ok(decision) };
        let mut notes = self.kept(order);
        for (_, event) in &mut decision.events {
            attach(event, &mut notes);
        }
        Ok(decision)
    }
}

impl<U> NotedLines<U> {
    /// The notes on the lines that shall hold: the new ones, and those of lines that stay, under their new numbers.
    fn kept(&self, order: &PlacedOrder) -> Vec<NoteRef> {
        let mut earlier: BTreeMap<u32, &NoteRef> =
            order.notes.iter().filter_map(|note| Some((note.line?, note))).collect();
        let mut notes = self.notes.clone();
        for (line, number) in self.lines.iter().zip(1..) {
            let given = self.notes.iter().any(|note| note.line == Some(number));
            let before =
                order.lines.iter().find(|before| earlier.contains_key(&before.line) && is_same(before, line));
            let Some(note) = before.and_then(|before| earlier.remove(&before.line)) else { continue };
            if !given && !self.cleared.contains(&number) {
                notes.push(NoteRef { line: Some(number), ..note.clone() });
            }
        }
        notes.sort_by_key(|note| note.line);
        notes
    }
}

/// Whether a line asks for what an earlier one has; how many does not matter.
fn is_same(before: &OrderLine, line: &BasketLine) -> bool {
    let mut extras: Vec<_> = before.extras.iter().map(|extra| &extra.ingredient).collect();
    let mut asked: Vec<_> = line.extras.iter().collect();
    let (mut without, mut left_out): (Vec<_>, Vec<_>) =
        (before.without.iter().collect(), line.without.iter().collect());
    extras.sort();
    asked.sort();
    without.sort();
    left_out.sort();
    left_out.dedup();
    before.item == line.item && before.size == line.size && extras == asked && without == left_out
}

/// Moves the notes to the event that they are about. Each event says which purposes it carries.
fn attach(event: &mut Event, notes: &mut Vec<NoteRef>) {
    match event {
        Event::Order(event) => attach_to_order(event, notes),
        Event::Stock(StockEvent::IngredientsWasted { note, .. }) => *note = reason(notes),
        Event::Delivery(DeliveryEvent::DeliveryFailed { note, .. }) => *note = reason(notes),
        Event::Stock(
            StockEvent::IngredientsReserved { .. }
            | StockEvent::ReservationChanged { .. }
            | StockEvent::ReservationReleased { .. }
            | StockEvent::ReservationConsumed { .. }
            | StockEvent::SupplyReceived { .. }
            | StockEvent::StockCounted { .. }
            | StockEvent::TransferSent { .. }
            | StockEvent::TransferReceived { .. }
            | StockEvent::ThresholdSet { .. }
            | StockEvent::StockLow { .. }
            | StockEvent::StockRecovered { .. }
            | StockEvent::ReservationShort { .. }
            | StockEvent::PizzaBlocked { .. }
            | StockEvent::PizzaUnblocked { .. },
        )
        | Event::Delivery(
            DeliveryEvent::DeliveryScheduled { .. }
            | DeliveryEvent::DeliveryAssigned { .. }
            | DeliveryEvent::DeliveryUnassigned { .. }
            | DeliveryEvent::DeliveryPickedUp { .. }
            | DeliveryEvent::WrongCodeGiven { .. }
            | DeliveryEvent::DeliveryCompleted { .. }
            | DeliveryEvent::DeliveryRetryScheduled { .. }
            | DeliveryEvent::DeliveryReturned { .. },
        )
        | Event::Pizzeria(_)
        | Event::Menu(_)
        | Event::Staff(_)
        | Event::Customer(_)
        | Event::Closing(_) => {}
    }
}

fn attach_to_order(event: &mut OrderEvent, notes: &mut Vec<NoteRef>) {
    match event {
        OrderEvent::OrderPlaced { placement, .. } => placement.notes.append(notes),
        OrderEvent::OrderLinesChanged { notes: lines, .. } => lines.append(notes),
        OrderEvent::OrderCancelled { note, .. } | OrderEvent::PaymentRefunded { note, .. } => {
            *note = reason(notes);
        }
        OrderEvent::OrderRefused { .. }
        | OrderEvent::OrderExpired { .. }
        | OrderEvent::PaymentAuthorised { .. }
        | OrderEvent::PaymentCaptured { .. }
        | OrderEvent::PaymentDeclined { .. }
        | OrderEvent::PreparationStarted { .. }
        | OrderEvent::ItemBaked { .. }
        | OrderEvent::OrderReady { .. }
        | OrderEvent::OrderHandedOver { .. }
        | OrderEvent::OrderOutForDelivery { .. }
        | OrderEvent::OrderDelivered { .. }
        | OrderEvent::OrderNotDelivered { .. }
        | OrderEvent::OrderReturned { .. } => {}
    }
}

/// The note that says why, once.
fn reason(notes: &mut Vec<NoteRef>) -> Option<NoteRef> {
    let at = notes.iter().position(|note| note.purpose == NotePurpose::Reason)?;
    Some(notes.remove(at))
}

#[cfg(test)]
mod tests;
