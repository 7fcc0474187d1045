//! Notes: free text, which never enters an event. The text is stored in a row beside the log; the event
//! carries a reference that proves the text while the row exists and reveals nothing once it is erased.

use serde::{Deserialize, Serialize};

use crate::ids::NoteId;

/// Purpose of a note, which decides its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NotePurpose {
    /// Note for the kitchen, such as an allergy.
    Kitchen,
    /// Note for the courier, such as the floor.
    Delivery,
    /// The comment beside the reason of a cancellation, a refund, a failed delivery or a waste.
    Reason,
}

impl NotePurpose {
    /// Every purpose.
    pub const ALL: [Self; 3] = [Self::Kitchen, Self::Delivery, Self::Reason];

    /// Returns the stored name, such as `KITCHEN`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kitchen => "KITCHEN",
            Self::Delivery => "DELIVERY",
            Self::Reason => "REASON",
        }
    }
}

coded! { $ for_each_comment_subject
    /// Subject of a comment beside a reason.
    pub enum CommentSubject {
        /// The cancellation of an order.
        Cancellation = "CANCELLATION",
        /// A refund.
        Refund = "REFUND",
        /// A failed delivery attempt.
        DeliveryFailure = "DELIVERY_FAILURE",
        /// Waste of ingredients.
        Waste = "WASTE",
    }
}

/// Reference to a note, carried by an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct NoteRef {
    /// Id of the row.
    pub id: NoteId,
    /// Purpose.
    pub purpose: NotePurpose,
    /// SHA-256 of the row's salt followed by its text in UTF-8, in lower-case hexadecimal.
    pub sha256: String,
    /// Number of the order's line, from 1; `None` for the whole order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
}

/// Reason that staff give in their own words: a note, or the text itself in events of releases that stored it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The text of an earlier release; empty in today's events, which programs of that release can read.
    #[serde(rename = "reason")]
    pub text: String,
    /// The note, of purpose [`NotePurpose::Reason`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<NoteRef>,
}

impl Reason {
    /// Whether no reason was given.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.note.is_none()
    }
}

impl From<NoteRef> for Reason {
    fn from(note: NoteRef) -> Self {
        Self { text: String::new(), note: Some(note) }
    }
}

impl From<&str> for Reason {
    /// Returns a reason as events of earlier releases hold it.
    fn from(text: &str) -> Self {
        Self { text: text.to_owned(), note: None }
    }
}
