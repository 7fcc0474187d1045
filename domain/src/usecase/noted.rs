//! Use cases with notes. The use case decides as without them; each note's reference is added to the event
//! that the note is about. The text never enters an event.

use super::{Decision, Refusal, States, UseCase};
use crate::event::{Event, NoteSlot};
use crate::note::{NotePurpose, NoteRef};
use crate::stream::StreamId;

/// Use case with notes.
#[derive(Debug)]
pub struct Noted<U> {
    /// The use case.
    pub use_case: U,
    /// References of its notes, whose rows are stored in the same transaction.
    pub notes: Vec<NoteRef>,
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
