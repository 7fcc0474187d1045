//! Notes: free text of people, which never stands in an event. The text lies in a row beside the log; the event
//! carries a reference that proves the text while the row is there, and says nothing once it is erased.

use serde::{Deserialize, Serialize};

use crate::ids::NoteId;

/// Purpose of a note, which decides its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotePurpose {
    /// For the kitchen: an allergy, a wish.
    Kitchen,
    /// For the courier: the door, the floor.
    Delivery,
    /// The comment beside the reason of a cancellation, a refund, a failed delivery or a waste.
    Reason,
}

impl NotePurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Kitchen, Self::Delivery, Self::Reason];

    /// The name stored, `KITCHEN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kitchen => "KITCHEN",
            Self::Delivery => "DELIVERY",
            Self::Reason => "REASON",
        }
    }
}

/// What an event carries of a note.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoteRef {
    /// The row's id.
    pub id: NoteId,
    /// What it is for.
    pub purpose: NotePurpose,
    /// SHA-256 of the row's salt followed by its text in UTF-8, in lower-case hexadecimal.
    pub sha256: String,
    /// The order's line that it is about, from 1; `None` for the order as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}
