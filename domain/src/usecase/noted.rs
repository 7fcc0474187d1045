//! Use cases with notes. The use case decides as without them; each note's reference is added to the event
//! that the note is about. The text never enters an event.

use std::collections::BTreeMap;

use super::{BasketLine, Decision, Refusal, States, UseCase};
use crate::event::{Event, NoteSlot};
use crate::ids::OrderId;
use crate::note::{NotePurpose, NoteRef};
use crate::order::{OrderLine, PlacedOrder};
use crate::stream::StreamId;

/// Use case with notes.
#[derive(Debug)]
pub struct Noted<U> {
    /// The use case.
    pub use_case: U,
    /// References of its notes, whose rows are stored in the same transaction.
    pub notes: Vec<NoteRef>,
}

/// Change of an order's lines, with the notes on them.
#[derive(Debug)]
pub struct NotedLines<U> {
    /// The change.
    pub use_case: U,
    /// The order.
    pub order: OrderId,
    /// The new lines.
    pub lines: Vec<BasketLine>,
    /// New notes, by line number.
    pub notes: Vec<NoteRef>,
    /// Numbers of the lines whose note is removed.
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
    /// Returns the notes on the new lines: the given ones, and those of unchanged lines under their new
    /// numbers.
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

/// Whether two lines are the same but for their number of pieces.
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

/// Moves the notes into the event that they are about.
fn attach(event: &mut Event, notes: &mut Vec<NoteRef>) {
    match event.note_slot() {
        NoteSlot::Notes(slot) => slot.append(notes),
        NoteSlot::Comment(slot) => *slot = take_comment(notes),
        NoteSlot::None => {}
    }
}

/// Removes and returns the comment beside a reason.
fn take_comment(notes: &mut Vec<NoteRef>) -> Option<NoteRef> {
    let at = notes.iter().position(|note| note.purpose == NotePurpose::Reason)?;
    Some(notes.remove(at))
}

#[cfg(test)]
mod tests;
