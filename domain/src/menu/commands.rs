//! Commands to the menu. Time comes with them; nothing here decides.

use chrono::{DateTime, Utc};

use super::edits::MenuEdits;
use super::events::MenuChanges;

/// Command to the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuCommand {
    /// Publish a new version from complete values.
    Publish {
        /// Changes of the previous version.
        changes: Box<MenuChanges>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
    /// Publish a new version in which omitted values stay as they are.
    Edit {
        /// The edits.
        edits: Box<MenuEdits>,
        /// Current time, given by the caller.
        now: DateTime<Utc>,
    },
}
