//! A maintenance, as clients show it.

use crate::field_access::open;
use async_graphql::SimpleObject;
use chrono::{DateTime, Utc};
use identity::maintenance::Window;

/// A maintenance that is in progress: mutations are refused with `MAINTENANCE`; everything else works.
#[derive(Debug, Clone, PartialEq, Eq, SimpleObject)]
#[graphql(directive = open::apply())]
pub struct Maintenance {
    /// The operator's announcement.
    pub message: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// The expected end; `null` when unknown. It may take longer.
    pub until: Option<DateTime<Utc>>,
}

impl From<Window> for Maintenance {
    fn from(Window { message, since, until }: Window) -> Self {
        Self { message, since, until }
    }
}
