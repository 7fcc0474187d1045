//! Converts notes of an input into rows beside the log and references in events.

use domain::ids::{CustomerId, NoteId, OrderId};
use domain::note::{NotePurpose, NoteRef, Reason};
use event_store::NewNote;
use rand::Rng;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// The subject of a command's notes.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct About {
    /// The order; `None` for a stock.
    pub order: Option<OrderId>,
    /// The order's customer, if the customer has an account.
    pub customer: Option<CustomerId>,
}

impl About {
    /// Creates a note for a purpose, about a line or the whole order.
    pub fn note(self, purpose: NotePurpose, line: Option<u32>, text: String) -> NewNote {
        let salt: [u8; 16] = rand::rng().random();
        let sha256 = hex::encode(Sha256::new().chain_update(salt).chain_update(&text).finalize());
        let note = NoteRef { id: NoteId(Uuid::new_v4()), purpose, sha256, line };
        NewNote { note, order: self.order, customer: self.customer, text, salt }
    }

    /// Creates the note of a comment, if there is one.
    pub fn comment(self, text: Option<String>) -> Vec<NewNote> {
        text.into_iter().map(|text| self.note(NotePurpose::Reason, None, text)).collect()
    }

    /// Creates the note of a reason, if one was given.
    pub fn reason(self, text: Option<String>) -> (Reason, Vec<NewNote>) {
        let notes = self.comment(text);
        (notes.first().map(|new| new.note.clone().into()).unwrap_or_default(), notes)
    }
}

/// Returns the references that events carry.
pub(super) fn references(notes: &[NewNote]) -> Vec<NoteRef> {
    notes.iter().map(|new| new.note.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_prove_a_text_by_salted_hash() {
        let note = || About::default().note(NotePurpose::Kitchen, Some(2), "Sans gluten".to_owned());
        let (one, other) = (note(), note());
        let hashed = Sha256::new().chain_update(one.salt).chain_update("Sans gluten").finalize();
        assert_eq!(one.note.sha256, hex::encode(hashed));
        assert_ne!(one.note.sha256, other.note.sha256);
    }
}
