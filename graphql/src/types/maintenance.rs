//! A maintenance, as pages show it.

use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use identity::maintenance::Window;

/// A maintenance that is under way: mutations are refused with `MAINTENANCE`, everything else goes on.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
pub struct Maintenance {
    /// What is said of it, in the operator's words.
    pub message: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When it is expected to be over; none when nobody has said. It may take longer.
    pub until: Option<DateTime<Utc>>,
}

impl From<Window> for Maintenance {
    fn from(Window { message, since, until }: Window) -> Self {
        Self { message, since, until }
    }
}
