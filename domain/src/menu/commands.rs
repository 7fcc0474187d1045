//! What can be asked of the menu.

use chrono::{DateTime, Utc};

use super::edits::MenuEdits;
use super::events::MenuChanges;

/// A command to the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuCommand {
    /// Publish a new version from whole values.
    Publish {
        /// What it changes.
        changes: Box<MenuChanges>,
        /// Now.
        now: DateTime<Utc>,
    },
    /// Publish a new version in which what is omitted is as in the version before.
    Edit {
        /// What changes.
        edits: Box<MenuEdits>,
        /// Now.
        now: DateTime<Utc>,
    },
}
