//! What can be asked of the menu.

use chrono::{DateTime, Utc};

use super::events::MenuChanges;

/// A command to the menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MenuCommand {
    /// Publish a new version.
    Publish {
        /// What it changes.
        changes: Box<MenuChanges>,
        /// Now.
        now: DateTime<Utc>,
    },
}
